//! Who is let in: tokens checked against their hashes, off the async threads, and remembered for a while.
//!
//! A token that was right once is recognised by its keyed hash (HMAC-SHA-256 under a key that this process made up), so
//! that neither the token nor anything computable from it alone lies in memory. Bcrypt runs on blocking threads, a few at
//! once; who waits for it is bounded too.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use gateway::{Failures, Neighbour, Origin};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderValue;
use message::{Api, TokenId};
use moka::sync::Cache;
use sha2::Sha256;
use tokio::sync::{Semaphore, watch};
use zeroize::Zeroizing;

use crate::codes::{Code, Refusal};
use crate::token::{COST, Scope, TokenConfig, TokenError, TokenHash};
use crate::uses::Uses;

/// Somebody with a right token.
pub(crate) struct Principal {
    /// What the gateway is told about them.
    pub(crate) origin: Origin,
    /// The places for their waiting calls.
    pub(crate) waits: Arc<Semaphore>,
    entry: TokenConfig,
    rate: Option<DefaultDirectRateLimiter>,
}

impl Principal {
    fn new(entry: TokenConfig, waits: u32) -> Self {
        let quota = entry.per_minute.and_then(NonZeroU32::new).map(Quota::per_minute);
        let origin = Origin {
            token: Some(TokenId::new(&entry.id)),
            admin: entry.may(Scope::Admin),
            sims: entry.sims.clone(),
            prefixes: entry.prefixes.clone(),
            daily_spend_micros: entry.daily_spend_micros,
            api: Api::JsonRpc,
        };
        Self {
            origin,
            waits: Arc::new(Semaphore::new(waits as usize)),
            entry,
            rate: quota.map(RateLimiter::direct),
        }
    }

    /// The token's public half.
    pub(crate) fn id(&self) -> &str {
        &self.entry.id
    }

    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.entry.may(scope)
    }

    /// Counts one call against the token's rate.
    pub(crate) fn count_call(&self) -> Result<(), Refusal> {
        let Some(rate) = &self.rate else { return Ok(()) };
        let Err(not_until) = rate.check() else { return Ok(()) };
        let wait = not_until.wait_time_from(DefaultClock::default().now());
        let sentence = "the token made more calls than it may in a minute";
        Err(Refusal::new(Code::RATE, sentence).retry_after(wait.as_secs() + 1))
    }
}

/// The doorkeeper: knows the tokens, their hashes, and who failed lately.
pub(crate) struct Keeper {
    /// Replaced as a whole on reload; whoever holds a WebSocket open watches it.
    ring: watch::Sender<Arc<Ring>>,
    failures: Failures,
    key: Hmac<Sha256>,
    /// Places on the blocking threads.
    verifying: Semaphore,
    /// Places in the line before them.
    line: Semaphore,
    waits_per_token: u32,
    /// What was shown is noted there.
    pub(crate) uses: Uses,
}

/// One generation of tokens.
struct Ring {
    tokens: HashMap<String, Arc<Principal>>,
    /// Those of XML-RPC alone, which have no public half: by their hashes.
    legacy: Vec<(TokenHash, Vec<Arc<Principal>>)>,
    /// What unknown ids are checked against, so that they take as long as known ones.
    decoy: TokenHash,
    /// Tokens that were right, by keyed hash. It goes with the generation.
    proven: Cache<[u8; 32], Arc<Principal>>,
    /// The same for legacy tokens, with everybody who shares it.
    proven_legacy: Cache<[u8; 32], Arc<[Arc<Principal>]>>,
}

impl Keeper {
    /// Takes tens of milliseconds, for the decoy.
    pub(crate) fn new(
        tokens: &[TokenConfig],
        legacy: &[TokenConfig],
        per_minute: NonZeroU32,
        waits_per_token: u32,
    ) -> Result<Self, TokenError> {
        let mut key = Zeroizing::new([0_u8; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(|_| TokenError::Random)?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            ring: watch::Sender::new(Arc::new(Ring::new(tokens, legacy, waits_per_token)?)),
            failures: Failures::new(per_minute),
            key: Hmac::new_from_slice(key.as_slice()).map_err(|_| TokenError::Hash)?,
            verifying: Semaphore::new((threads / 2).max(1)),
            line: Semaphore::new(LINE),
            waits_per_token,
            uses: Uses::default(),
        })
    }

    /// Takes other tokens from now on: nothing that was proven before counts any more.
    pub(crate) fn replace(&self, tokens: &[TokenConfig], legacy: &[TokenConfig]) -> Result<(), TokenError> {
        let ring = Ring::new(tokens, legacy, self.waits_per_token)?;
        self.ring.send_replace(Arc::new(ring));
        Ok(())
    }

    /// Says who shows this `Authorization` header; `None` where there is none.
    pub(crate) async fn admit(
        &self,
        address: IpAddr,
        header: Option<&HeaderValue>,
    ) -> Result<Option<Arc<Principal>>, Refusal> {
        let Some(header) = header else { return Ok(None) };
        let Some(token) = bearer(header) else {
            return Err(Refusal::new(
                Code::TOKEN_WRONG,
                "show the token as `Authorization: Bearer id.secret`",
            ));
        };
        self.admit_token(address, token).await.map(Some)
    }

    /// Says who shows this token.
    pub(crate) async fn admit_token(&self, address: IpAddr, token: &str) -> Result<Arc<Principal>, Refusal> {
        let mark = self.mark(token);
        let ring = self.ring.borrow().clone();
        if let Some(principal) = ring.proven.get(&mark) {
            return Ok(principal);
        }
        let proven = self.prove(&ring, Neighbour::of(address), token, mark).await;
        let shown = halves(token).and_then(|(id, _)| ring.tokens.get(id));
        self.uses.note(address, shown.map(|principal| principal.id()), &proven);
        let principal = proven?;
        ring.proven.insert(mark, principal.clone());
        Ok(principal)
    }

    /// Says who shows this token in a call of XML-RPC: one who is let in everywhere, or everybody whose legacy token it is.
    pub(crate) async fn admit_xml_rpc(&self, address: IpAddr, token: &str) -> Result<Arc<[Arc<Principal>]>, Refusal> {
        let mark = self.mark(token);
        let ring = self.ring.borrow().clone();
        if let Some(principal) = ring.proven.get(&mark) {
            return Ok([principal].into());
        }
        if let Some(sharing) = ring.proven_legacy.get(&mark) {
            return Ok(sharing);
        }
        if ring.legacy.is_empty() {
            return Ok([self.admit_token(address, token).await?].into());
        }
        let proven = self.prove_legacy(&ring, Neighbour::of(address), token, mark).await;
        let shown = proven.as_ref().ok().and_then(|sharing| Some(sharing.first()?.id()));
        self.uses.note(address, shown, &proven);
        let sharing = proven?;
        ring.proven_legacy.insert(mark, sharing.clone());
        Ok(sharing)
    }

    /// The principal of a token, by its public half alone: for who is let in by other signs.
    pub(crate) fn known(&self, id: &str) -> Option<Arc<Principal>> {
        self.ring.borrow().tokens.get(id).cloned()
    }

    /// Waits until this token is no longer what it was: gone, or with another hash or other rights.
    pub(crate) async fn revoked(&self, principal: &Principal) {
        let mut ring = self.ring.subscribe();
        // The sender lives as long as the keeper; an error cannot come while it is borrowed.
        let _ = ring.wait_for(|ring| !ring.holds(principal)).await;
    }

    /// Whether this token is still what it was.
    pub(crate) fn still_holds(&self, principal: &Principal) -> bool {
        self.ring.borrow().holds(principal)
    }

    /// The slow way: one hash, in its turn.
    async fn prove(
        &self,
        ring: &Ring,
        neighbour: Neighbour,
        token: &str,
        mark: [u8; 32],
    ) -> Result<Arc<Principal>, Refusal> {
        self.check_lockout(neighbour)?;
        let Some((id, secret)) = halves(token) else {
            return Err(self.wrong(neighbour, None));
        };
        let _place = self.line.try_acquire().map_err(|_| busy())?;
        let _thread = self.verifying.acquire().await.map_err(|_| busy())?;
        // Meanwhile the same token may have been proven, or others of this address may have failed.
        if let Some(principal) = ring.proven.get(&mark) {
            return Ok(principal);
        }
        self.check_lockout(neighbour)?;
        let known = ring.tokens.get(id);
        let hash = known.map_or(&ring.decoy, |principal| &principal.entry.hash);
        match known {
            Some(principal) if verify(hash, secret).await => Ok(principal.clone()),
            known => Err(self.wrong(neighbour, known)),
        }
    }

    /// The slowest way: every legacy hash, since nothing in the token says which is its own, and nothing keeps several
    /// from being. Others have their turns between two of them.
    async fn prove_legacy(
        &self,
        ring: &Ring,
        neighbour: Neighbour,
        token: &str,
        mark: [u8; 32],
    ) -> Result<Arc<[Arc<Principal>]>, Refusal> {
        self.check_lockout(neighbour)?;
        let _place = self.line.try_acquire().map_err(|_| busy())?;
        if let Some((id, secret)) = halves(token) {
            let _thread = self.verifying.acquire().await.map_err(|_| busy())?;
            self.check_lockout(neighbour)?;
            let known = ring.tokens.get(id);
            let hash = known.map_or(&ring.decoy, |principal| &principal.entry.hash);
            if verify(hash, secret).await
                && let Some(principal) = known
            {
                return Ok([principal.clone()].into());
            }
        }
        let mut sharing = Vec::new();
        for (hash, principals) in &ring.legacy {
            let _thread = self.verifying.acquire().await.map_err(|_| busy())?;
            if let Some(sharing) = ring.proven_legacy.get(&mark) {
                return Ok(sharing);
            }
            self.check_lockout(neighbour)?;
            if verify(hash, token).await {
                sharing.extend(principals.iter().cloned());
            }
        }
        match sharing.is_empty() {
            true => Err(self.wrong(neighbour, None)),
            false => Ok(sharing.into()),
        }
    }

    fn check_lockout(&self, neighbour: Neighbour) -> Result<(), Refusal> {
        let Some(left) = self.failures.lockout(&neighbour) else {
            return Ok(());
        };
        let sentence = "too many wrong tokens came from this address; wait a minute";
        Err(Refusal::new(Code::LOCKED_OUT, sentence).retry_after(left.as_secs() + 1))
    }

    /// Counts and logs a wrong token. Only a known id is named: what was sent in an id's place may be a secret.
    fn wrong(&self, neighbour: Neighbour, known: Option<&Arc<Principal>>) -> Refusal {
        self.failures.count(&neighbour);
        let id = known.map_or("(unknown)", |principal| principal.id());
        tracing::info!(address = %neighbour, id, "wrong token");
        Refusal::new(Code::TOKEN_WRONG, "the token is wrong, unknown or was revoked")
    }

    fn mark(&self, token: &str) -> [u8; 32] {
        let mut mac = self.key.clone();
        mac.update(token.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl Ring {
    fn new(tokens: &[TokenConfig], legacy: &[TokenConfig], waits: u32) -> Result<Self, TokenError> {
        let dearest = tokens.iter().filter_map(|token| token.hash.cost()).max();
        let principal = |entry: &TokenConfig| Arc::new(Principal::new(entry.clone(), waits));
        let mut by_hash: Vec<(TokenHash, Vec<Arc<Principal>>)> = Vec::new();
        for entry in legacy {
            match by_hash.iter_mut().find(|(hash, _)| *hash == entry.hash) {
                Some((_, sharing)) => sharing.push(principal(entry)),
                None => by_hash.push((entry.hash.clone(), vec![principal(entry)])),
            }
        }
        Ok(Self {
            tokens: tokens
                .iter()
                .map(|entry| (entry.id.clone(), principal(entry)))
                .collect(),
            legacy: by_hash,
            decoy: TokenHash::of("nobody has this secret", dearest.unwrap_or(COST))?,
            proven: Cache::builder().max_capacity(PROVEN).time_to_live(PROVEN_FOR).build(),
            proven_legacy: Cache::builder().max_capacity(PROVEN).time_to_live(PROVEN_FOR).build(),
        })
    }

    /// Legacy tokens are not looked for: nobody keeps one longer than a call.
    fn holds(&self, principal: &Principal) -> bool {
        self.tokens
            .get(principal.id())
            .is_some_and(|now| now.entry == principal.entry)
    }
}

/// The token in an `Authorization` header.
fn bearer(header: &HeaderValue) -> Option<&str> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A token's public and secret half.
fn halves(token: &str) -> Option<(&str, &str)> {
    token
        .split_once('.')
        .filter(|(_, secret)| secret.len() <= BCRYPT_OCTETS)
}

/// Whether the secret is what was hashed, found out on a blocking thread.
async fn verify(hash: &TokenHash, secret: &str) -> bool {
    let (hash, secret) = (hash.clone(), Zeroizing::new(secret.to_owned()));
    tokio::task::spawn_blocking(move || hash.verify(&secret))
        .await
        .unwrap_or(false)
}

fn busy() -> Refusal {
    Refusal::new(Code::BUSY, "too many tokens are being checked").retry_after(1)
}

/// How many tokens may stand in line for bcrypt; more are told to come again.
const LINE: usize = 1024;
/// How many proven tokens are remembered, and for how long.
const PROVEN: u64 = 10_000;
const PROVEN_FOR: Duration = Duration::from_secs(300);
/// What bcrypt looks at; a longer secret cannot be ours.
const BCRYPT_OCTETS: usize = 71;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Token;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn keeper(tokens: &[&Token], per_minute: u32) -> Keeper {
        let entries: Vec<_> = tokens.iter().map(|token| token.entry.clone()).collect();
        Keeper::new(&entries, &[], NonZeroU32::new(per_minute).expect("not zero"), 4).expect("a keeper")
    }

    async fn admit(keeper: &Keeper, token: &str) -> Result<Option<Arc<Principal>>, Refusal> {
        let header = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header");
        keeper.admit(HOME, Some(&header)).await
    }

    #[tokio::test]
    async fn a_right_token_is_known_and_a_second_time_without_bcrypt() {
        let token = Token::generate(Some("ops"), &[Scope::Send]).expect("a token");
        let keeper = keeper(&[&token], 5);
        let first = admit(&keeper, token.plain()).await.expect("let in").expect("somebody");
        assert_eq!(first.id(), "ops");
        keeper.verifying.close();
        assert!(admit(&keeper, token.plain()).await.is_ok(), "remembered");
        assert!(admit(&keeper, "ops.wrong").await.is_err());
        assert!(keeper.admit(HOME, None).await.is_ok_and(|nobody| nobody.is_none()));
    }

    #[tokio::test]
    async fn wrong_secrets_and_unknown_ids_get_the_same_answer_for_the_same_work() {
        let token = Token::generate(Some("ops"), &[Scope::Send]).expect("a token");
        let keeper = keeper(&[&token], 50);
        let wrong = ["ops.AAAAAAAAAAAAAAAAAAAAAA", "nobody.AAAAAAAAAAAAAAAAAAAAAA"];
        for wrong in wrong {
            let refusal = admit(&keeper, wrong).await.err().expect("refused");
            assert_eq!(refusal.code, Code::TOKEN_WRONG);
        }
        assert_eq!(keeper.ring.borrow().decoy.cost(), token.entry.hash.cost());
        keeper.verifying.close();
        for wrong in wrong {
            let refusal = admit(&keeper, wrong).await.err().expect("refused");
            assert_eq!(refusal.code, Code::BUSY, "both want a thread for bcrypt");
        }
    }

    #[tokio::test]
    async fn too_many_failures_lock_an_address_out_but_not_who_is_known() {
        let token = Token::generate(Some("ops"), &[Scope::Send]).expect("a token");
        let keeper = keeper(&[&token], 2);
        admit(&keeper, token.plain()).await.expect("let in");
        for _ in 0..3 {
            let refusal = admit(&keeper, "garbage").await.err().expect("refused");
            assert_eq!(refusal.code, Code::TOKEN_WRONG);
        }
        let refusal = admit(&keeper, "garbage").await.err().expect("refused");
        assert_eq!(refusal.code, Code::LOCKED_OUT);
        assert!(refusal.retry_after_s.is_some_and(|seconds| (1..=61).contains(&seconds)));
        assert!(admit(&keeper, token.plain()).await.is_ok());
    }

    #[tokio::test]
    async fn a_replaced_token_is_forgotten_at_once() {
        let (old, new) = (
            Token::generate(Some("ops"), &[Scope::Send]).expect("a token"),
            Token::generate(Some("ops"), &[Scope::Send]).expect("a token"),
        );
        let keeper = keeper(&[&old], 5);
        let principal = admit(&keeper, old.plain()).await.expect("let in").expect("somebody");
        assert!(keeper.still_holds(&principal));
        keeper.replace(std::slice::from_ref(&new.entry), &[]).expect("replaced");
        assert!(!keeper.still_holds(&principal));
        keeper.revoked(&principal).await;
        assert!(admit(&keeper, old.plain()).await.is_err());
        assert!(admit(&keeper, new.plain()).await.is_ok());
    }

    #[tokio::test]
    async fn a_legacy_token_is_proven_once_and_forgotten_with_its_hash() {
        let entry = |id: &str, secret: &str| TokenConfig {
            id: id.to_owned(),
            hash: TokenHash::of(secret, 4).expect("a hash"),
            ..Token::generate(None, &[Scope::Stats]).expect("a token").entry
        };
        let entries = [entry("a", "shared"), entry("b", "another"), entry("c", "shared")];
        let keeper = Keeper::new(&[], &entries, NonZeroU32::new(9).expect("not zero"), 4).expect("a keeper");
        let names = async |token: &str| {
            let admitted = keeper.admit_xml_rpc(HOME, token).await.ok()?;
            Some(
                admitted
                    .iter()
                    .map(|principal| principal.id().to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(names("shared").await, Some(vec!["a".to_owned(), "c".to_owned()]));
        assert_eq!((names("nothing").await, names("a.shared").await), (None, None));
        keeper.replace(&[], &entries[1..2]).expect("replaced");
        assert_eq!(names("shared").await, None, "it is gone");
        assert!(names("another").await.is_some());
        keeper.verifying.close();
        assert!(names("another").await.is_some(), "remembered");
        assert!(keeper.admit_token(HOME, "another").await.is_err(), "here alone");
    }

    #[tokio::test]
    async fn a_token_is_held_to_its_rate() {
        let mut token = Token::generate(Some("ops"), &[Scope::Send]).expect("a token");
        token.entry.per_minute = Some(2);
        let keeper = keeper(&[&token], 5);
        let principal = admit(&keeper, token.plain()).await.expect("let in").expect("somebody");
        assert!(principal.count_call().is_ok() && principal.count_call().is_ok());
        let refusal = principal.count_call().expect_err("too many");
        assert_eq!(refusal.code, Code::RATE);
        assert!(refusal.retry_after_s.is_some_and(|seconds| seconds <= 31));
    }
}
