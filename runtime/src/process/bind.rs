//! Binding the sockets of a process before anything starts, so that an address in use is known before anything has happened.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use anyhow::anyhow;
use tokio::net::TcpListener;

/// Binds an address that somebody has chosen by a flag.
///
/// # Errors
/// Names the flag, the address, and what to do.
pub async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AddrInUse => {
                "another program listens there; stop it, or choose another address"
            }
            ErrorKind::AddrNotAvailable => "this machine has no such address; choose another",
            ErrorKind::PermissionDenied => {
                "this user may not listen there; choose a port above 1023"
            }
            _ => "choose another address",
        };
        anyhow!(error).context(format!("{flag} {address}: {remedy}"))
    })
}

/// An address as one who is on this machine connects to it.
#[must_use]
pub fn dialled(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_connects() {
        for (listening, expected) in [
            ("0.0.0.0:7780", "127.0.0.1:7780"),
            ("[::]:7780", "[::1]:7780"),
            ("10.0.0.7:7780", "10.0.0.7:7780"),
        ] {
            let address = listening.parse().unwrap();
            assert_eq!(dialled(address).to_string(), expected);
        }
    }

    #[tokio::test]
    async fn what_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = bind(address, "--listen").await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "--listen {address}: another program listens there; stop it, or choose another address"
            )
        );
        let error = bind(([192, 0, 2, 1], 0).into(), "--admin-listen")
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("no such address"), "{error}");
    }
}
