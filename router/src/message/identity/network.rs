//! Networks: IP addresses and prefixes in one form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv6 network is judged by this prefix: what one subscriber gets, who has 2⁶⁴ addresses in it.
const V6_BITS: u32 = 64;

/// The normal form of a network: an IP address or prefix in its canonical spelling (no brackets, port or zone, host bits
/// cleared, IPv4 inside IPv6 taken out, `/32` left out, IPv6 by its /64 at most), anything else in lower case.
pub(crate) fn network_key(network: &str) -> String {
    ip_network(network).unwrap_or_else(|| network.trim().to_lowercase())
}

/// The normal form of an IP address or prefix; `None` if it is neither.
pub(super) fn ip_network(text: &str) -> Option<String> {
    let text = unwrapped(text.trim());
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(number(bits)?)),
        None => (text, None),
    };
    let address = address.split_once('%').map_or(address, |(address, _zone)| address);
    match address.parse::<IpAddr>().ok()? {
        IpAddr::V4(v4) => v4_network(v4, bits.unwrap_or(32)),
        IpAddr::V6(v6) => {
            let bits = bits.unwrap_or(128);
            match embedded_v4(v6).zip(bits.checked_sub(96)) {
                Some((v4, bits)) => v4_network(v4, bits),
                None if bits > 128 => None,
                None => {
                    let bits = bits.min(V6_BITS);
                    Some(format!("{}/{bits}", Ipv6Addr::from_bits(v6.to_bits() & mask(bits))))
                }
            }
        }
    }
}

fn v4_network(address: Ipv4Addr, bits: u32) -> Option<String> {
    match bits {
        32 => Some(address.to_string()),
        33.. => None,
        _ => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            Some(format!("{}/{bits}", Ipv4Addr::from_bits(address.to_bits() & mask)))
        }
    }
}

fn mask(bits: u32) -> u128 {
    u128::MAX.checked_shl(128 - bits).unwrap_or(0)
}

/// IPv4 in `::ffff:0:0/96` (RFC 4291 §2.5.5.2) or in `64:ff9b::/96` (RFC 6052 §2.1).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    }
}

/// Without brackets, a port behind them or behind an IPv4 address, and the tag of RFC 5321 §4.1.3.
fn unwrapped(text: &str) -> &str {
    let inside = match text.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')) {
        Some((inside, port)) if port.is_empty() || port.strip_prefix(':').is_some_and(is_port) => inside,
        Some(_) => return text,
        None => match text.rsplit_once(':') {
            Some((address, port)) if is_port(port) && !address.contains(':') => address,
            _ => text,
        },
    };
    let inside = inside.trim();
    match inside.split_at_checked("ipv6:".len()) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("ipv6:") => address,
        _ => inside,
    }
}

/// Digits, or nothing: a URL may have an empty port.
pub(super) fn is_port(text: &str) -> bool {
    text.is_empty() || number(text).is_some_and(|port| port <= u32::from(u16::MAX))
}

/// A whole number in digits, without the sign that `parse` would take.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
