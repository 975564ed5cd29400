//! Streams that others have opened: what they say is read in batches, and what is queued for them is written in batches. It does not know what
//! a message says.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::{Stream, StreamExt};
use prost::Message as _;
use proto as p;
use tonic::{Request, Response, Status, Streaming};
use world::region::Message;

use super::{
    super::{Ended, Speaking, begin},
    said::parse,
    told::write,
};
use crate::server::Server;

/// The most messages in one batch, so that a gateway begins to read a batch before the next is made.
const BATCH_MESSAGES_MAX: usize = 4_096;
/// The most bytes in one batch. gRPC refuses messages of more than 4 MiB.
const BATCH_BYTES_MAX: usize = (4 << 20) - 1_024;
/// What a message costs within a batch, besides its own bytes.
const FRAMING_BYTES: usize = 6;

/// The gRPC service.
pub(in crate::service) fn service(
    server: Arc<Server>,
) -> p::zone_server::ZoneServer<impl p::zone_server::Zone> {
    p::zone_server::ZoneServer::new(Service { server })
}

struct Service {
    server: Arc<Server>,
}

#[tonic::async_trait]
impl p::zone_server::Zone for Service {
    type LinkStream = Batches;

    async fn link(
        &self,
        request: Request<Streaming<p::GatewayBatch>>,
    ) -> Result<Response<Batches>, Status> {
        let from = request.remote_addr();
        let speaking = begin(&self.server, from, |link| {
            request.into_inner().map(move |batch| parse(batch, link))
        });
        Ok(Response::new(Batches {
            speaking,
            packer: Packer::default(),
            has_ended: false,
        }))
    }
}

/// What is queued for a gateway, in batches: each has all that has come while the one before it was written.
struct Batches {
    speaking: Speaking,
    packer: Packer,
    has_ended: bool,
}

impl Stream for Batches {
    type Item = Result<p::ZoneBatch, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.has_ended {
            return Poll::Ready(None);
        }
        if this.packer.is_empty() {
            let mut taken = Vec::new();
            ready!(
                this.speaking
                    .poll_messages(context, &mut taken, BATCH_MESSAGES_MAX)
            );
            this.packer.pending = taken.into_iter();
        }
        if this.packer.is_empty() {
            let end = ready!(this.speaking.poll_end(context));
            this.has_ended = true;
            return Poll::Ready(end.err().map(|why| Err(status(&why))));
        }
        Poll::Ready(Some(Ok(this.packer.batch())))
    }
}

/// What goes into the next batches.
#[derive(Default)]
struct Packer {
    /// Taken from the queue, and not written yet.
    pending: std::vec::IntoIter<Message>,
    /// Written, and too much for the batch before.
    held: Option<p::ZoneMessage>,
}

impl Packer {
    fn is_empty(&self) -> bool {
        self.held.is_none() && self.pending.len() == 0
    }

    /// As many messages as fit, and at least one.
    fn batch(&mut self) -> p::ZoneBatch {
        let mut messages = Vec::with_capacity(self.pending.len() + 1);
        let mut byte_count = 0;
        while let Some(message) = self.held.take().or_else(|| self.pending.next().map(write)) {
            byte_count += message.encoded_len() + FRAMING_BYTES;
            if byte_count > BATCH_BYTES_MAX && !messages.is_empty() {
                self.held = Some(message);
                break;
            }
            messages.push(message);
        }
        p::ZoneBatch { messages }
    }
}

fn status(why: &Ended) -> Status {
    let text = why.to_string();
    match why {
        Ended::Slow => Status::resource_exhausted(text),
        Ended::Invalid(_) => Status::invalid_argument(text),
        Ended::Suspended => Status::unavailable(text),
        Ended::Forgotten | Ended::Failed => Status::internal(text),
    }
}

#[cfg(test)]
mod tests {
    use proto::zone_message::Kind as Out;
    use wire::Value;
    use world::region::Answer;

    use super::*;

    fn reply(counter: u64, byte_count: usize) -> Message {
        Message::Reply {
            session: 1,
            counter,
            attempt: 0,
            kind: "get",
            answer: Answer::Value(Value::Bytes(vec![0; byte_count])),
        }
    }

    #[test]
    fn batches_are_as_large_as_grpc_allows_and_in_order() {
        let sizes = [
            1 << 20,
            3 << 20,
            10,
            5 << 20,
            10,
            1 << 20,
            1 << 20,
            1 << 20,
            1 << 20,
        ];
        let messages: Vec<Message> = (0..).zip(sizes).map(|(n, size)| reply(n, size)).collect();
        let mut packer = Packer {
            pending: messages.into_iter(),
            held: None,
        };
        let mut batches = Vec::new();
        while !packer.is_empty() {
            let batch = packer.batch();
            assert!(batch.encoded_len() < 4 << 20 || batch.messages.len() == 1);
            let counters = batch.messages.iter().map(|message| match &message.kind {
                Some(Out::Reply(reply)) => reply.counter,
                other => panic!("{other:?}"),
            });
            batches.push(counters.collect::<Vec<_>>());
        }
        let expected: [&[u64]; 5] = [&[0], &[1, 2], &[3], &[4, 5, 6, 7], &[8]];
        assert_eq!(batches, expected);
    }
}
