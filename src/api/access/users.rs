//! Who there is: files of passwords' and tokens' hashes, a line each.
//!
//! Passwords: `user:hash` or `user:hash:role`, the hash as `htpasswd -B` makes it (bcrypt) or in PHC form (argon2).
//! Tokens: `name:SHA-256` or `name:SHA-256:role`. A token is long and random, so that one round of a fast hash is enough.
//! Invariant: no problem, and no log line, holds anything of a line but its number.

use std::path::Path;

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Everything.
    Admin,
    /// GET, HEAD and OPTIONS.
    ReadOnly,
}

/// One line of a file.
#[derive(Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) hash: String,
    pub(super) role: Role,
}

/// What kind of file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Passwords,
    Tokens,
}

/// The users of a file.
///
/// # Errors
/// Which line is wrong, and what would be right.
pub(super) fn read(path: &Path, kind: Kind) -> Result<Vec<User>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut users: Vec<User> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let user = user(line, kind).map_err(|reason| format!("line {number}: {reason}"))?;
        if users.iter().any(|other| other.name == user.name) {
            return Err(format!("line {number}: the name of an earlier line"));
        }
        users.push(user);
    }
    if users.is_empty() { Err("names nobody".to_owned()) } else { Ok(users) }
}

fn user(line: &str, kind: Kind) -> Result<User, &'static str> {
    let form = match kind {
        Kind::Passwords => "write user:hash or user:hash:read-only",
        Kind::Tokens => "write name:hash or name:hash:read-only",
    };
    let (name, rest) = line.split_once(':').filter(|(name, _)| !name.is_empty()).ok_or(form)?;
    let (hash, role) = match rest.split_once(':') {
        None | Some((_, "" | "admin")) => (rest.split(':').next().unwrap_or_default(), Role::Admin),
        Some((hash, "read-only")) => (hash, Role::ReadOnly),
        Some(_) => return Err("the role must be admin or read-only"),
    };
    let is_hash = match kind {
        Kind::Passwords if hash.starts_with("$argon2") => PasswordHash::new(hash).is_ok(),
        Kind::Passwords => hash.parse::<bcrypt::HashParts>().is_ok(),
        Kind::Tokens => hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
    };
    match (is_hash, kind) {
        (true, Kind::Passwords) => Ok(User { name: name.to_owned(), hash: hash.to_owned(), role }),
        (true, Kind::Tokens) => Ok(User { name: name.to_owned(), hash: hash.to_ascii_lowercase(), role }),
        (false, Kind::Passwords) => Err("the hash must be one of bcrypt (htpasswd -B) or of argon2 in PHC form"),
        (false, Kind::Tokens) => Err("the hash must be the token's SHA-256, 64 hexadecimal digits"),
    }
}

/// Whether this is the password. It takes as long as the hash was made to take.
pub(super) fn is_password(password: &str, hash: &str) -> bool {
    if hash.starts_with("$argon2") {
        return Argon2::default().verify_password(password.as_bytes(), hash).is_ok();
    }
    bcrypt::verify(password, hash).unwrap_or(false)
}

/// Whose token this is. Every one is looked at, so that the time tells nothing.
pub(super) fn of_token<'a>(token: &str, users: &'a [User]) -> Option<&'a User> {
    let hash = Sha256::digest(token.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
        text
    });
    users.iter().fold(
        None,
        |found, user| {
            if bool::from(user.hash.as_bytes().ct_eq(hash.as_bytes())) { Some(user) } else { found }
        },
    )
}
