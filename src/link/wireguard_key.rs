//! The keys of WireGuard interfaces: 32 bytes of Curve25519, in base64 as `wg` has them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

/// A private key. It is printed nowhere but in the file that it was written in; a standing lab's record,
/// which root alone can read, has it too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PrivateKey([u8; 32]);

/// A key that two peers share beside their own. It is printed as little as a private one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PresharedKey([u8; 32]);

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PublicKey([u8; 32]);

impl PrivateKey {
    /// A key of these bytes, but for the bits that are the same in every one: the kernel keeps it so.
    pub fn new(mut bytes: [u8; 32]) -> Self {
        bytes[0] &= 248;
        bytes[31] = bytes[31] & 127 | 64;
        Self(bytes)
    }

    /// Reads a key in base64.
    pub fn parse(text: &str) -> Option<Self> {
        decode(text).map(Self::new)
    }

    /// The key of an interface of which the file says none. Whoever knows the file knows it: it is as good
    /// as none against anybody, and the same at every `up`.
    pub fn derived(lab: &str, node: &str, interface: &str) -> Self {
        let mut hash = Sha256::new();
        for part in ["vrflab: a WireGuard key that protects nothing", lab, node, interface] {
            hash.update(part);
            hash.update([0]);
        }
        Self::new(hash.finalize().into())
    }

    /// The public key that belongs to it.
    pub fn public(&self) -> PublicKey {
        PublicKey(x25519(self.0, X25519_BASEPOINT_BYTES))
    }

    /// Its bytes, for the kernel.
    pub(crate) fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// In base64, for a file that has it.
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(self.0)
    }
}

impl PresharedKey {
    /// A key of these bytes; none of zeros, which are the kernel's word for none.
    pub fn new(bytes: [u8; 32]) -> Option<Self> {
        (bytes != [0; 32]).then_some(Self(bytes))
    }

    /// Reads a key in base64.
    pub fn parse(text: &str) -> Option<Self> {
        decode(text).and_then(Self::new)
    }

    /// Its bytes, for the kernel.
    pub(crate) fn bytes(&self) -> [u8; 32] {
        self.0
    }

    /// In base64, for a file that has it.
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(self.0)
    }
}

impl PublicKey {
    /// A key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads a key in base64.
    pub fn parse(text: &str) -> Option<Self> {
        decode(text).map(Self)
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

fn decode(text: &str) -> Option<[u8; 32]> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}

impl fmt::Debug for PresharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresharedKey")
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys of RFC 7748, section 6.1, as `wg pubkey` answers.
    #[test]
    fn a_public_key_is_that_of_its_private_one() {
        let private = PrivateKey::parse("dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=").unwrap();
        let public = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
        assert_eq!(private.public().to_string(), public);
        assert_eq!(PublicKey::parse(public), Some(private.public()));
    }

    #[test]
    fn a_private_key_is_not_printed() {
        let key = PrivateKey::derived("lab", "a", "wg0");
        assert_eq!(format!("{key:?} {:#?}", Some(key)), "PrivateKey Some(\n    PrivateKey,\n)");
        assert_ne!(key, PrivateKey::derived("lab", "a", "wg1"));
        assert_eq!(key, PrivateKey::derived("lab", "a", "wg0"));
    }
}
