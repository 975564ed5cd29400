//! Networks in settings: a list, or one text with commas in it, as the environment has it.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Networks, such as `10.0.0.0/8`, and single addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Whether an address is in any of them. One of IPv4 must be written as such, not as one of IPv6.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Serialize for Networks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(IpNet::to_string))
    }
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = Networks;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("networks or addresses, such as [\"10.0.0.0/8\", \"192.168.1.7\"]")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Networks, E> {
        let parts = text.split(',').map(str::trim);
        let networks = parts.filter(|part| !part.is_empty()).map(network);
        Ok(Networks(networks.collect::<Result<_, E>>()?))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Networks, A::Error> {
        let mut networks = Vec::new();
        while let Some(text) = items.next_element::<String>()? {
            networks.push(network(text.trim())?);
        }
        Ok(Networks(networks))
    }
}

fn network<E: de::Error>(text: &str) -> Result<IpNet, E> {
    let address = |_| text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(address).map_err(|_| {
        let problem = "is no network, such as 10.0.0.0/8 or fd00::/8, and no address";
        E::custom(format!("{text:?} {problem}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(value: serde_json::Value) -> Result<Networks, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_in_them() {
        let list = json!(["10.0.0.0/8", "192.168.1.7", "fd00::/8", "::1"]);
        let text = json!("10.0.0.0/8,192.168.1.7 , fd00::/8,::1,");
        for value in [list, text] {
            let networks = parsed(value).unwrap();
            for (address, expected) in [
                ("10.255.0.1", true),
                ("11.0.0.1", false),
                ("192.168.1.7", true),
                ("192.168.1.8", false),
                ("fd12::1", true),
                ("::1", true),
                ("::2", false),
            ] {
                assert_eq!(
                    networks.contains(address.parse().unwrap()),
                    expected,
                    "{address}"
                );
            }
            assert_eq!(
                serde_json::to_value(&networks).unwrap(),
                json!(["10.0.0.0/8", "192.168.1.7/32", "fd00::/8", "::1/128"])
            );
        }
        for nothing in [json!([]), json!("")] {
            assert_eq!(parsed(nothing), Ok(Networks::default()));
        }
    }

    #[test]
    fn what_is_none_is_named() {
        for (value, part) in [
            (
                json!(["10.0.0.0/8", "10.0.0.0/33"]),
                "\"10.0.0.0/33\" is no network",
            ),
            (json!("10.0.0.0/8, proxy"), "\"proxy\" is no network"),
            (json!([""]), "\"\" is no network"),
            (json!(7), "expected networks or addresses"),
        ] {
            let error = parsed(value).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
