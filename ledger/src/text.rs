//! Text forms shared by the crate's small types: strict lower-case hex and serde through `Display`/`FromStr`.

use crate::malformed::Malformed;

/// Stands for "no digit" in [`DIGITS`].
const NO_DIGIT: u8 = 0xff;

/// The value of each lower-case hexadecimal digit. A record holds half a dozen 32-byte values: a table keeps
/// decoding them well below the cost of the JSON around them.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// Decodes exactly `N` bytes of lower-case hexadecimal.
pub(crate) fn parse_hex<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], Malformed> {
    let mut bytes = [0; N];
    let mut valid = text.len() == 2 * N;
    for (byte, [high, low]) in bytes.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
        let (high, low) = (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]);
        valid &= (high | low) < 16;
        *byte = high << 4 | low & 15;
    }
    if valid {
        Ok(bytes)
    } else {
        Err(Malformed::value(what, text, "must be lower-case hexadecimal of the right length"))
    }
}

/// The 64 digits of 32 bytes, handed to `take` as text.
pub(crate) fn with_hex<T>(bytes: &[u8; 32], take: impl FnOnce(&str) -> T) -> T {
    let mut digits = [0; 64];
    hex::encode_to_slice(bytes, &mut digits).expect("64 digits are those of 32 bytes");
    take(std::str::from_utf8(&digits).expect("hexadecimal digits are ASCII"))
}

/// Implements serde for a type with `Display` and `FromStr`, as a string.
macro_rules! serde_as_text {
    ($name:ty) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Defines a 32-byte value whose text form is 64 lower-case hexadecimal digits.
macro_rules! hex32 {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// All zero bytes: stands for "none" where a field is optional.
            pub const ZERO: Self = Self([0; 32]);

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Whether this is [`Self::ZERO`].
            pub fn is_zero(&self) -> bool {
                self.0 == [0; 32]
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                crate::text::with_hex(&self.0, |digits| f.write_str(digits))
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self)
            }
        }
        impl std::str::FromStr for $name {
            type Err = crate::malformed::Malformed;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                crate::text::parse_hex($what, text).map(Self)
            }
        }
        serde_as_text!($name);
    };
}
