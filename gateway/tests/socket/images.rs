//! `upgrade`, in each of the ways in which clients pickle.

use wire::{Dialect, Value, pickle};

use crate::{
    client::{around, framed, text, ver},
    cluster::{Cluster, files},
};

/// `['upgrade']` as Python 3 writes it at protocol 2.
const TEXT_2: &[u8] = b"\x80\x02]X\x07\x00\x00\x00upgradea.";

#[tokio::test]
async fn every_dialect_gets_the_same_image_and_its_place_in_the_order() {
    let cluster = Cluster::start().await;
    let mut client = cluster.connect().await;
    let upgrade = Value::List(vec![text("upgrade")]);
    let requests = [
        (pickle::encode(&upgrade, Dialect::Four), 4),
        (pickle::encode(&upgrade, Dialect::Three), 3),
        (TEXT_2.to_vec(), 2),
    ];
    for (request, protocol) in requests {
        // The first who asks in a dialect waits until the image is pickled for it; the next does not.
        for _ in 0..2 {
            client
                .send_bytes(&[around(&request), framed(&ver())].concat())
                .await;
            let payload = client.payload().await.unwrap();
            assert_eq!(payload[1], protocol);
            let limits = pickle::Limits::stored();
            let Value::List(reply) = pickle::load(&payload, &limits).unwrap() else {
                panic!("no list")
            };
            let [Value::List(entries)] = &reply[..] else {
                panic!("{reply:?}")
            };
            let file = |name: &str, data: &[u8]| {
                Value::Tuple(vec![text(name), Value::Bytes(data.to_vec())])
            };
            assert_eq!(entries[0], file("VERSION", b"1.0.0"));
            let maps = Value::List(vec![file("row.tmx", &files()["row.tmx"])]);
            assert_eq!(entries[2], Value::Tuple(vec![text("maps"), maps]));
            assert_eq!(client.reply().await, Some(text("1.0.0")));
        }
    }
}
