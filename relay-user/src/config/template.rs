//! Text with placeholders, from which the identifiers of option 82 are made once per interface.
//!
//! `{name}` device, `{vlan}` tags (`100`, `100.7`, `0` when untagged), `{outer}` and `{inner}` one tag each (`0` when
//! absent), `{mac}` the device's address, `{hostname}` of the machine; `{{` and `}}` stand for braces.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{domain::VlanTags, suggest::did_you_mean};

/// A template whose placeholders are all known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Placeholder(Placeholder),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    Name,
    Vlan,
    Outer,
    Inner,
    Mac,
    Hostname,
}

const PLACEHOLDERS: [(&str, Placeholder); 6] = [
    ("name", Placeholder::Name),
    ("vlan", Placeholder::Vlan),
    ("outer", Placeholder::Outer),
    ("inner", Placeholder::Inner),
    ("mac", Placeholder::Mac),
    ("hostname", Placeholder::Hostname),
];

/// What the placeholders of one interface stand for.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// Network device.
    pub name: &'c str,
    /// Tags of the clients' frames.
    pub vlan: VlanTags,
    /// The device's address.
    pub mac: [u8; 6],
    /// Name of the machine.
    pub hostname: &'c str,
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is nothing in it.
    #[error("the text is empty; leave the key out to send none")]
    Empty,
    /// A placeholder that does not exist.
    #[error("there is no placeholder {{{name}}}; {suggestion}placeholders: {known}",
        known = PLACEHOLDERS.map(|(name, _)| format!("{{{name}}}")).join(" "))]
    Unknown {
        /// As it was written.
        name: String,
        /// "did you mean", or nothing.
        suggestion: String,
    },
    /// A brace without its partner.
    #[error("a {brace} has no partner; write {brace}{brace} for a brace itself")]
    Unbalanced {
        /// The lone brace.
        brace: char,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// An empty text, an unknown placeholder or an unbalanced brace.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let from_brace = &rest[at..];
            let escaped = ["{{", "}}"].into_iter().find(|pair| from_brace.starts_with(pair));
            if let Some(pair) = escaped {
                literal.push_str(&pair[1..]);
                rest = &from_brace[2..];
                continue;
            }
            let Some(inside) = from_brace.strip_prefix('{') else {
                return Err(TemplateError::Unbalanced { brace: '}' });
            };
            let (name, behind) = inside.split_once('}').ok_or(TemplateError::Unbalanced { brace: '{' })?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Placeholder(placeholder(name)?));
            rest = behind;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The text for one interface.
    pub fn render(&self, context: &Context<'_>) -> String {
        let Context { name, vlan, mac, hostname } = context;
        self.parts.iter().fold(String::new(), |text, part| match part {
            Part::Literal(literal) => text + literal,
            Part::Placeholder(Placeholder::Name) => text + name,
            Part::Placeholder(Placeholder::Vlan) => text + &vlan.to_string(),
            Part::Placeholder(Placeholder::Outer) => text + &vlan.outer.unwrap_or(0).to_string(),
            Part::Placeholder(Placeholder::Inner) => text + &vlan.inner.unwrap_or(0).to_string(),
            Part::Placeholder(Placeholder::Mac) => text + &mac.map(|byte| format!("{byte:02x}")).join(":"),
            Part::Placeholder(Placeholder::Hostname) => text + hostname,
        })
    }
}

fn placeholder(name: &str) -> Result<Placeholder, TemplateError> {
    PLACEHOLDERS.into_iter().find(|(known, _)| *known == name).map(|(_, placeholder)| placeholder).ok_or_else(
        || TemplateError::Unknown {
            name: name.to_owned(),
            suggestion: did_you_mean(name, PLACEHOLDERS.map(|(known, _)| known)),
        },
    )
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, outer: Option<u16>, inner: Option<u16>) -> String {
        let vlan = VlanTags { outer, inner };
        let context = Context { name: "eth1", vlan, mac: [2, 0, 0, 0, 0xab, 1], hostname: "edge7" };
        Template::parse(text).expect("a template").render(&context)
    }

    #[test]
    fn every_placeholder_stands_for_its_value() {
        let all = "{hostname}:{name}.{vlan}/{outer}/{inner} {mac}";
        assert_eq!(render(all, Some(100), Some(7)), "edge7:eth1.100.7/100/7 02:00:00:00:ab:01");
        assert_eq!(render(all, Some(100), None), "edge7:eth1.100/100/0 02:00:00:00:ab:01");
        assert_eq!(render(all, None, None), "edge7:eth1.0/0/0 02:00:00:00:ab:01");
        assert_eq!(render("{{{name}}}", None, None), "{eth1}");
        assert_eq!(render("port é", None, None), "port é");
    }

    #[test]
    fn a_placeholder_that_does_not_exist_is_named() {
        let error = Template::parse("{name}.{vlna}").expect_err("unknown placeholder").to_string();
        assert_eq!(
            error,
            "there is no placeholder {vlna}; did you mean \"vlan\"? \
             placeholders: {name} {vlan} {outer} {inner} {mac} {hostname}"
        );
    }

    #[test]
    fn a_lone_brace_is_refused() {
        for (text, brace) in [("{name", '{'), ("name}", '}'), ("{", '{'), ("a}b{name}", '}')] {
            assert_eq!(Template::parse(text), Err(TemplateError::Unbalanced { brace }), "{text}");
        }
    }
}
