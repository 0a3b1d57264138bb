//! Routes and tokens have names; rows name them by number. Names are never removed, so what was learned stays true.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use rusqlite::{Connection, OptionalExtension};

use message::{RouteId, TokenId};

/// The names a connection has met.
#[derive(Debug)]
pub(crate) struct Names {
    routes: Interned<RouteId>,
    tokens: Interned<TokenId>,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self {
            routes: Interned::new(&ROUTES, RouteId::new),
            tokens: Interned::new(&TOKENS, TokenId::new),
        }
    }

    /// Forgets everything: rows made in a transaction that was rolled back are no rows.
    pub(crate) fn forget(&mut self) {
        *self = Self::new();
    }

    /// The route with this row.
    pub(crate) fn route(&mut self, conn: &Connection, row: i64) -> rusqlite::Result<RouteId> {
        self.routes.name(conn, row)
    }

    /// The route with this row; 0 and NULL: none.
    pub(crate) fn maybe_route(&mut self, conn: &Connection, row: Option<i64>) -> rusqlite::Result<Option<RouteId>> {
        row.filter(|row| *row != 0)
            .map(|row| self.routes.name(conn, row))
            .transpose()
    }

    /// The token with this row; 0: none.
    pub(crate) fn token(&mut self, conn: &Connection, row: i64) -> rusqlite::Result<Option<TokenId>> {
        (row != 0).then(|| self.tokens.name(conn, row)).transpose()
    }

    /// The row of a route that may have none yet.
    pub(crate) fn find_route(&mut self, conn: &Connection, route: &RouteId) -> rusqlite::Result<Option<i64>> {
        self.routes.find(conn, route)
    }

    /// The row of a token that may have none yet.
    pub(crate) fn find_token(&mut self, conn: &Connection, token: &TokenId) -> rusqlite::Result<Option<i64>> {
        self.tokens.find(conn, token)
    }

    /// The row of a route, made where it has none. For the writer.
    pub(crate) fn route_row(&mut self, conn: &Connection, route: &RouteId) -> rusqlite::Result<i64> {
        self.routes.row(conn, route)
    }

    /// The row of a token, made where it has none; none is 0. For the writer.
    pub(crate) fn token_row(&mut self, conn: &Connection, token: Option<&TokenId>) -> rusqlite::Result<i64> {
        token.map_or(Ok(0), |token| self.tokens.row(conn, token))
    }
}

/// The three statements of a table of names.
#[derive(Debug)]
struct Sql {
    name: &'static str,
    find: &'static str,
    add: &'static str,
}

const ROUTES: Sql = Sql {
    name: "SELECT name FROM route WHERE row = ?1",
    find: "SELECT row FROM route WHERE name = ?1",
    add: "INSERT INTO route (name) VALUES (?1)",
};

const TOKENS: Sql = Sql {
    name: "SELECT name FROM token WHERE row = ?1",
    find: "SELECT row FROM token WHERE name = ?1",
    add: "INSERT INTO token (name) VALUES (?1)",
};

#[derive(Debug)]
struct Interned<K> {
    sql: &'static Sql,
    make: fn(&str) -> K,
    rows: HashMap<K, i64>,
    names: HashMap<i64, K>,
}

impl<K: Clone + Eq + Hash + Borrow<str>> Interned<K> {
    fn new(sql: &'static Sql, make: fn(&str) -> K) -> Self {
        Self {
            sql,
            make,
            rows: HashMap::new(),
            names: HashMap::new(),
        }
    }

    fn name(&mut self, conn: &Connection, row: i64) -> rusqlite::Result<K> {
        if let Some(name) = self.names.get(&row) {
            return Ok(name.clone());
        }
        let name: String = conn
            .prepare_cached(self.sql.name)?
            .query_row([row], |found| found.get(0))?;
        Ok(self.learn(row, (self.make)(&name)))
    }

    fn find(&mut self, conn: &Connection, name: &K) -> rusqlite::Result<Option<i64>> {
        let text: &str = name.borrow();
        if let Some(row) = self.rows.get(text) {
            return Ok(Some(*row));
        }
        let row = conn
            .prepare_cached(self.sql.find)?
            .query_row([text], |found| found.get(0))
            .optional()?;
        if let Some(row) = row {
            self.learn(row, name.clone());
        }
        Ok(row)
    }

    fn row(&mut self, conn: &Connection, name: &K) -> rusqlite::Result<i64> {
        if let Some(row) = self.find(conn, name)? {
            return Ok(row);
        }
        let text: &str = name.borrow();
        conn.prepare_cached(self.sql.add)?.execute([text])?;
        let row = conn.last_insert_rowid();
        self.learn(row, name.clone());
        Ok(row)
    }

    fn learn(&mut self, row: i64, name: K) -> K {
        self.rows.insert(name.clone(), row);
        self.names.insert(row, name.clone());
        name
    }
}
