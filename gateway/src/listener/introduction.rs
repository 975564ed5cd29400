//! What a proxy says of the client that it brings, at the front of a connection: the PROXY protocol, version 2. Which proxies may is not known here.

use std::{net::SocketAddr, time::Duration};

use proxy_header::{Error, ParseConfig, Protocol, ProxyHeader};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

/// How long a proxy has for it. It sends it with its first packet.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may be: addresses take 52 bytes at most, and what proxies add (names, certificates, numbers of networks) some hundreds.
const HEADER_BYTES_MAX: usize = 2_048;
/// The signature, the command, the family, and how many bytes follow.
const PREAMBLE_BYTES: usize = 16;
/// Where that number is.
const REST_AT: std::ops::Range<usize> = 14..PREAMBLE_BYTES;

/// Who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Introduced {
    /// A client.
    Client(SocketAddr),
    /// The proxy itself, which looks whether we are well, or somebody of whom it says nothing.
    Proxy,
}

/// Why nobody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It has closed the connection.
    Gone,
    /// The socket broke.
    Broken,
    /// It took too long.
    Late,
    /// It said something else.
    Bad,
    /// It has more to say than anybody needs to.
    TooLong,
}

impl Refused {
    /// The word for it, which is a metric label.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "by_client",
            Self::Broken => "broken",
            Self::Late => "proxy_header_late",
            Self::Bad => "proxy_header_bad",
            Self::TooLong => "proxy_header_too_long",
        }
    }

    /// Whether that is no proxy as it should be.
    pub(super) fn is_wrong(self) -> bool {
        matches!(self, Self::Late | Self::Bad | Self::TooLong)
    }
}

/// Reads the header and not one byte of what follows: that is the client's.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Introduced, Refused> {
    let reading = async {
        let mut header = Vec::with_capacity(PREAMBLE_BYTES);
        loop {
            let missing = match parse(&header)? {
                Parsed::Whole(introduced) => return Ok(introduced),
                Parsed::Missing(byte_count) => byte_count as u64,
            };
            match (&mut *stream).take(missing).read_buf(&mut header).await {
                Ok(0) => return Err(Refused::Gone),
                Ok(_) => {}
                Err(_) => return Err(Refused::Broken),
            }
        }
    };
    timeout(HEADER_TIMEOUT, reading)
        .await
        .unwrap_or(Err(Refused::Late))
}

/// What the bytes so far come to.
enum Parsed {
    Whole(Introduced),
    /// So many are missing at least; never none.
    Missing(usize),
}

fn parse(header: &[u8]) -> Result<Parsed, Refused> {
    let config = ParseConfig {
        include_tlvs: false,
        allow_v1: false,
        allow_v2: true,
    };
    match ProxyHeader::parse(header, config) {
        Ok((parsed, _)) => match parsed.proxied_address() {
            None => Ok(Parsed::Whole(Introduced::Proxy)),
            Some(proxied) if proxied.protocol == Protocol::Stream => {
                Ok(Parsed::Whole(Introduced::Client(proxied.source)))
            }
            Some(_) => Err(Refused::Bad),
        },
        Err(Error::BufferTooShort) => match whole(header)?.checked_sub(header.len()) {
            // An end that comes before the addresses do.
            None | Some(0) => Err(Refused::Bad),
            Some(missing) => Ok(Parsed::Missing(missing)),
        },
        Err(_) => Err(Refused::Bad),
    }
}

/// How long the header is in all, as far as it says so.
fn whole(header: &[u8]) -> Result<usize, Refused> {
    let Some(&[high, low]) = header.get(REST_AT) else {
        return Ok(PREAMBLE_BYTES);
    };
    let byte_count = PREAMBLE_BYTES + usize::from(u16::from_be_bytes([high, low]));
    match byte_count > HEADER_BYTES_MAX {
        true => Err(Refused::TooLong),
        false => Ok(byte_count),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    const CLIENT: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x0f, 0xa0, 0x1e, 0x61];
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    const TCP4: u8 = 0x11;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    /// What somebody says who sends all of it and then closes, at once or byte by byte.
    async fn said(bytes: &[u8], is_slow: bool) -> (Result<Introduced, Refused>, Vec<u8>) {
        let (mut near, mut far) = duplex(match is_slow {
            true => 1,
            false => 1 << 20,
        });
        let sending = async {
            let _refused_before_its_end = far.write_all(bytes).await;
            drop(far);
        };
        let reading = async {
            let introduced = read(&mut near).await;
            let mut rest = Vec::new();
            near.read_to_end(&mut rest).await.unwrap();
            (introduced, rest)
        };
        tokio::join!(reading, sending).0
    }

    #[tokio::test]
    async fn who_is_there() {
        let client = |text: &str| Ok(Introduced::Client(text.parse().unwrap()));
        let mut six = [0; 36];
        six[..16].copy_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        six[32..34].copy_from_slice(&[0x0f, 0xa0]);
        let noted = [&CLIENT[..], &[4, 0, 2, 0, 0]].concat();
        let longest = [&CLIENT[..], &[0; HEADER_BYTES_MAX - PREAMBLE_BYTES - 12]].concat();
        let cases = [
            (header(PROXY, TCP4, &CLIENT), client("192.0.2.7:4000")),
            (header(PROXY, TCP4, &noted), client("192.0.2.7:4000")),
            (header(PROXY, TCP4, &longest), client("192.0.2.7:4000")),
            (header(PROXY, 0x21, &six), client("[2001:db8::9]:4000")),
            (header(LOCAL, 0, &[]), Ok(Introduced::Proxy)),
            (header(LOCAL, TCP4, &CLIENT), Ok(Introduced::Proxy)),
            (header(PROXY, 0, &[]), Ok(Introduced::Proxy)),
            (header(PROXY, 0, &CLIENT), Ok(Introduced::Proxy)),
            // A datagram, a family that there is not, a command that there is not.
            (header(PROXY, 0x12, &CLIENT), Err(Refused::Bad)),
            (header(PROXY, 0x51, &CLIENT), Err(Refused::Bad)),
            (header(0x22, TCP4, &CLIENT), Err(Refused::Bad)),
            (header(0x11, TCP4, &CLIENT), Err(Refused::Bad)),
            (header(PROXY, TCP4, &CLIENT[..11]), Err(Refused::Bad)),
            (
                b"PROXY TCP4 192.0.2.7 10.0.0.1 4000 7777\r\n".to_vec(),
                Err(Refused::Bad),
            ),
            (b"17 whatever it is".to_vec(), Err(Refused::Bad)),
            (b"\r\n\r\nsomething else".to_vec(), Err(Refused::Bad)),
            (Vec::new(), Err(Refused::Gone)),
            (
                header(PROXY, TCP4, &CLIENT)[..27].to_vec(),
                Err(Refused::Gone),
            ),
        ];
        for (bytes, expected) in cases {
            for is_slow in [false, true] {
                let (introduced, _) = said(&bytes, is_slow).await;
                assert_eq!(introduced, expected, "{bytes:02x?} {is_slow}");
            }
        }
    }

    #[tokio::test]
    async fn what_follows_is_not_touched() {
        let bytes = [&header(PROXY, TCP4, &CLIENT)[..], b"5 hello"].concat();
        for is_slow in [false, true] {
            let (introduced, rest) = said(&bytes, is_slow).await;
            assert!(introduced.is_ok());
            assert_eq!(rest, b"5 hello");
        }
    }

    #[tokio::test]
    async fn one_that_is_too_long_is_refused_before_it_has_come() {
        let mut long = header(PROXY, TCP4, &vec![0; HEADER_BYTES_MAX - PREAMBLE_BYTES + 1]);
        long.truncate(PREAMBLE_BYTES);
        assert_eq!(said(&long, false).await.0, Err(Refused::TooLong));
    }

    #[tokio::test(start_paused = true)]
    async fn it_has_its_time_in_all() {
        let (mut near, mut far) = duplex(64);
        let bytes = header(PROXY, TCP4, &CLIENT);
        let sending = async {
            for byte in &bytes {
                tokio::time::sleep(HEADER_TIMEOUT / 10).await;
                let _refused_before_its_end = far.write_u8(*byte).await;
            }
        };
        let (introduced, ()) = tokio::join!(read(&mut near), sending);
        assert_eq!(introduced, Err(Refused::Late));
    }
}
