//! The key that signs this node's own records: `node.key` until it is rotated, then `record.key`.
//!
//! The ledger says which key is in force. A rotation writes the new key to `record.key.next`, then into the ledger, then
//! renames the file: wherever a crash falls, the key that the ledger names is in one of the files.

use ostrakon_ledger::{PublicKey, SecretKey};

use super::{Home, random};
use crate::error::Error;
use crate::server::durable::{file_error, rename_durably};

const CURRENT: &str = "record.key";
const NEXT: &str = "record.key.next";

impl Home {
    /// The secret of the key that the ledger has for this node; finishes a rotation that a crash interrupted.
    ///
    /// # Errors
    /// [`Error::File`] when none of the files holds it.
    pub fn voice(&self, node_key: &SecretKey, in_force: &PublicKey) -> Result<SecretKey, Error> {
        if node_key.public() == *in_force {
            return Ok(node_key.clone());
        }
        for name in [CURRENT, NEXT] {
            if self.dir.join(name).exists() {
                let key = SecretKey::from_seed(self.read_secret(name)?);
                if key.public() == *in_force {
                    if name == NEXT {
                        self.finish_rotation()?;
                    }
                    return Ok(key);
                }
            }
        }
        let reason = format!(
            "holds no secret for {in_force}, the key that the ledger has for this node: put back record.key from the copy that was made \
             after the last `ostrakon rotate`"
        );
        Err(file_error(&self.dir.join(CURRENT), reason))
    }

    /// Makes a new key, safe on disk and not yet in force.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn prepare_rotation(&self) -> Result<SecretKey, Error> {
        let seed = random()?;
        self.write_secret(NEXT, &seed)?;
        Ok(SecretKey::from_seed(seed))
    }

    /// Puts the new key in the old one's place, once it stands in the ledger.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn finish_rotation(&self) -> Result<(), Error> {
        let (next, current) = (self.dir.join(NEXT), self.dir.join(CURRENT));
        rename_durably(&next, &current).map_err(|error| file_error(&current, error))
    }
}
