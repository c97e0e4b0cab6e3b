//! What the ledger has to know of a record type, and the list that knows all of them.

use super::Header;
use crate::error::Refusal;
use crate::malformed::Malformed;
use crate::name::PeerName;
use crate::record::Digest;
use crate::rules::{NextRecord, NotAppended, Prefix, StateChange};

/// One record type. Everything about it stands in the file that implements this.
pub(crate) trait RecordBody: Sized {
    /// Longest payload in bytes.
    const PAYLOAD_BYTES_MAX: usize = super::PAYLOAD_BYTES_MAX;

    /// Decodes a payload: known keys once each, values in range. Whether the bytes are canonical is for the caller to
    /// check.
    fn decode(payload: &[u8]) -> Result<(Header, Self), Malformed>;

    /// The canonical payload.
    fn encode(&self, header: &Header) -> Vec<u8>;

    /// Judges a record that is its author's next: what it changes, or why it is refused.
    fn judge<P: Prefix>(&self, next: &mut NextRecord<'_, P>) -> Result<StateChange, NotAppended>;

    /// Checks the signatures that the body carries.
    fn check_signatures(&self, _header: &Header) -> Result<(), Refusal> {
        Ok(())
    }

    /// The peer or domain that it is about, which may answer it.
    fn about(&self) -> Option<&PeerName> {
        None
    }

    /// What it commits to; zero for nothing.
    fn commitment(&self) -> Digest {
        Digest::ZERO
    }
}

/// Makes [`super::Body`] and [`super::RecordType`] from the list of record types.
macro_rules! record_types {
    ($($variant:ident($body:ty) = $code:literal, $name:literal;)*) => {
        /// What a record says.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body {
            $(#[doc = concat!("`", $name, "`")] $variant($body),)*
        }

        /// The record types.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum RecordType {
            $(#[doc = concat!("`", $name, "`")] $variant = $code,)*
        }

        impl RecordType {
            /// All of them.
            pub const ALL: [RecordType; [$($code),*].len()] = [$(RecordType::$variant),*];

            /// `peer.admit`, `vote` and so on.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(RecordType::$variant => $name,)*
                }
            }

            /// The DSSE payload type.
            pub fn payload_type(self) -> &'static str {
                match self {
                    $(RecordType::$variant => concat!("application/vnd.ostrakon.", $name, ".v1+json"),)*
                }
            }

            /// Longest payload in bytes.
            pub fn payload_bytes_max(self) -> usize {
                match self {
                    $(RecordType::$variant => <$body as RecordBody>::PAYLOAD_BYTES_MAX,)*
                }
            }
        }

        impl Body {
            /// Its type.
            pub fn kind(&self) -> RecordType {
                match self {
                    $(Body::$variant(_) => RecordType::$variant,)*
                }
            }

            pub(crate) fn decode(kind: RecordType, payload: &[u8]) -> Result<(Header, Self), Malformed> {
                match kind {
                    $(RecordType::$variant => {
                        <$body as RecordBody>::decode(payload).map(|(header, body)| (header, Body::$variant(body)))
                    })*
                }
            }

            pub(crate) fn encode(&self, header: &Header) -> Vec<u8> {
                match self {
                    $(Body::$variant(body) => body.encode(header),)*
                }
            }

            pub(crate) fn judge<P: Prefix>(
                &self,
                next: &mut NextRecord<'_, P>,
            ) -> Result<StateChange, NotAppended> {
                match self {
                    $(Body::$variant(body) => body.judge(next),)*
                }
            }

            pub(crate) fn check_signatures(&self, header: &Header) -> Result<(), Refusal> {
                match self {
                    $(Body::$variant(body) => body.check_signatures(header),)*
                }
            }

            pub(crate) fn about(&self) -> Option<&PeerName> {
                match self {
                    $(Body::$variant(body) => body.about(),)*
                }
            }

            pub(crate) fn commitment(&self) -> Digest {
                match self {
                    $(Body::$variant(body) => body.commitment(),)*
                }
            }
        }
    };
}
