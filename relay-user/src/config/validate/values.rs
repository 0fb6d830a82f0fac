//! Checks of single values that several tables share: names, numbers in a range, words, addresses, paths.
//!
//! Each takes the key it judges, so that its fault is reported there.

use std::{net::Ipv4Addr, ops::RangeInclusive, path::PathBuf};

use super::super::{
    domain::{CLIENTS_MAX, Identifier, Keyword},
    error::Report,
    file::{Hex, TextOr},
    suggest::did_you_mean,
    template::Template,
};

/// Longest name of a network device: IFNAMSIZ without the terminating zero.
const MAX_DEVICE_NAME: usize = 15;

/// A whole number of `unit` in `range`, or the default when the key is absent.
pub(super) fn number<T>(
    key: &str,
    value: Option<i64>,
    default: T,
    range: RangeInclusive<i64>,
    unit: &str,
    report: &mut Report<'_>,
) -> T
where
    T: TryFrom<i64>,
{
    let Some(value) = value else { return default };
    match T::try_from(value) {
        Ok(number) if range.contains(&value) => number,
        _ => {
            let (least, most) = range.into_inner();
            report.error(
                key,
                format!("{value} is out of range"),
                format!("write {least} to {most} ({unit})"),
            );
            default
        }
    }
}

/// A bound of the lease table, or the default when the key is absent.
pub(super) fn clients(key: &str, value: Option<i64>, default: u32, report: &mut Report<'_>) -> u32 {
    number(key, value, default, 1..=CLIENTS_MAX.into(), "clients in the lease table", report)
}

/// One of the words of `T`, or its default when the key is absent.
pub(super) fn keyword<T: Keyword>(key: &str, value: Option<&str>, report: &mut Report<'_>) -> T {
    let Some(value) = value else { return T::default() };
    if let Some((_, found)) = T::WORDS.iter().find(|(word, _)| *word == value) {
        return *found;
    }
    let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
    let near = did_you_mean(value, words.iter().copied());
    report.error(key, format!("there is no \"{value}\" here"), format!("{near}valid: {}", words.join(", ")));
    T::default()
}

/// The name of a network device; empty after a fault.
pub(super) fn device(key: &str, value: Option<String>, what: &str, report: &mut Report<'_>) -> String {
    let Some(name) = value else {
        report.error(key, format!("the name of {what} is missing"), "add name = \"…\"");
        return String::new();
    };
    let usable = !name.is_empty()
        && name.len() <= MAX_DEVICE_NAME
        && name != "."
        && name != ".."
        && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control());
    if usable {
        name
    } else {
        report.error(
            key,
            format!("{name:?} cannot be the name of a network device"),
            format!("write a name of 1 to {MAX_DEVICE_NAME} characters without spaces, '/' and ':', as `ip link` shows it"),
        );
        String::new()
    }
}

/// A unicast IPv4 address that a host can have.
pub(super) fn address(key: &str, text: &str, report: &mut Report<'_>) -> Option<Ipv4Addr> {
    let Ok(address) = text.parse::<Ipv4Addr>() else {
        let remedy = if text.parse::<std::net::Ipv6Addr>().is_ok() {
            "this relay speaks DHCPv4: write an IPv4 address"
        } else {
            "write an IPv4 address such as \"192.0.2.1\""
        };
        report.error(key, format!("\"{text}\" is not an IPv4 address"), remedy);
        return None;
    };
    let kind = match address {
        _ if address.octets()[0] == 0 => "unspecified",
        _ if address.is_broadcast() => "broadcast",
        _ if address.is_multicast() => "multicast",
        _ if address.is_loopback() => "loopback",
        _ => return Some(address),
    };
    report.error(
        key,
        format!("{address} is {} {kind} address", article(kind)),
        "write the unicast address of one host",
    );
    None
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// An absolute path, or the default when the key is absent.
pub(super) fn path(key: &str, value: Option<String>, default: PathBuf, report: &mut Report<'_>) -> PathBuf {
    match value.map(PathBuf::from) {
        None => default,
        Some(path) if path.is_absolute() && !path.as_os_str().as_encoded_bytes().contains(&0) => path,
        Some(path) => {
            report.error(key, format!("{path:?} is not an absolute path"), "write a path that begins with /");
            default
        }
    }
}

/// Text template or bytes of an identifying sub-option.
pub(super) fn identifier(key: &str, value: TextOr<Hex>, report: &mut Report<'_>) -> Option<Identifier> {
    match value {
        TextOr::Text(text) => match Template::parse(&text) {
            Ok(template) => Some(Identifier::Template(template)),
            Err(error) => {
                let error = error.to_string();
                let (message, remedy) = error.split_once("; ").unwrap_or((&error, ""));
                report.error(key, message, remedy);
                None
            }
        },
        TextOr::Table(Hex { hex: None }) => {
            report.error(
                &format!("{key}.hex"),
                "the bytes are missing",
                "write { hex = \"0a0b\" } or a text",
            );
            None
        }
        TextOr::Table(Hex { hex: Some(text) }) => match bytes(&text) {
            Some(bytes) => Some(Identifier::Bytes(bytes)),
            None => {
                report.error(
                    &format!("{key}.hex"),
                    format!("{text:?} is not a row of bytes"),
                    "write two hexadecimal digits for each of 1 to 253 bytes, such as \"0a0b\"",
                );
                None
            }
        },
    }
}

/// At most what one sub-option can hold inside one option 82.
const MAX_IDENTIFIER: usize = 253;

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let whole = !digits.is_empty() && digits.len().is_multiple_of(2) && digits.len() / 2 <= MAX_IDENTIFIER;
    whole.then(|| digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
