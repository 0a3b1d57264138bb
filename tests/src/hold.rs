//! A database that somebody else holds.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::Rig;

/// Holds the gateway's database for writing: what the gateway wants to keep waits until this is dropped. So a test can
/// stop it between knowing something and keeping it.
#[derive(Debug)]
pub struct Hold {
    connection: Connection,
}

impl Hold {
    /// Waits for the running gateway's own writes to end, then keeps it from further ones.
    ///
    /// # Panics
    /// There is no database yet.
    pub fn take(rig: &Rig) -> Self {
        let connection = Connection::open(rig.database()).expect("a database");
        // The log stays as the gateway left it, also where this connection is the last one.
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .expect("no checkpoint");
        connection.busy_timeout(PATIENCE).expect("patience");
        connection
            .execute_batch("BEGIN IMMEDIATE")
            .expect("the database can be held");
        Self { connection }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Closing it releases it as well.
        let _ = self.connection.execute_batch("ROLLBACK");
    }
}

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
