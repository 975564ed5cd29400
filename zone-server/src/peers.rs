//! The other zone servers, as this one speaks to them: commands that go on to one of their regions, hints about rows and regions that go over to them,
//! and ghosts, by which it knows who is where in regions near its own. It does not know what a region decides, or who should hold which.
//!
//! To each zone server that lives there is a stream ([`stream`]), on which this one says things and is told of regions. What comes by the streams that
//! others have opened is for `service` to read.

mod arrivals;
mod ghosts;
mod interest;
mod keeping;
mod stream;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::RwLock;
use store::entities::Incarnation;
use tokio::sync::mpsc;
use tracing::Span;
use world::{
    region::{Ask, HOP_COUNT_MAX, NOBODY, Update, Word},
    region_id::RegionId,
};

use crate::{count, holdings::Holdings, links::Links};
pub(crate) use arrivals::Arrivals;
pub(crate) use ghosts::SharedGhosts;
pub(crate) use keeping::run;

/// How many messages wait for one zone server: a second of what one gateway sends. Commands that find no room are sent again by their gateways; what
/// hints are about is looked for each second as well.
pub(crate) const QUEUE_MAX: usize = 4_096;

/// What stands for the gateway of what a creature does: nobody waits for an answer.
pub(crate) const NO_GATEWAY: &str = "-";

/// What is said to another zone server.
#[derive(Debug)]
pub(crate) enum ToPeer {
    /// Tell us of this region.
    Subscribe(RegionId),
    /// Do not tell us any more.
    Unsubscribe(RegionId),
    /// A command whose author we have checked.
    Ask {
        /// Who is to be answered.
        gateway: Arc<str>,
        /// The command. The link in it means nothing to others.
        ask: Box<Ask>,
        /// Where it goes.
        region: RegionId,
        /// W3C trace context; may be empty.
        traceparent: String,
    },
    /// A row was released for that region.
    Arriving {
        /// The region.
        region: RegionId,
        /// Whose row.
        key: String,
    },
    /// A region was given to the one who is told.
    Held {
        /// The region.
        region: RegionId,
        /// Its epoch.
        epoch: u64,
    },
    /// Something that a region of ours says of a creature.
    Word {
        /// The region that it is for.
        to: RegionId,
        /// What is said.
        word: Box<Word>,
    },
}

/// What another zone server tells of a region.
#[derive(Debug)]
pub(crate) enum News {
    /// Everything in it.
    Snapshot(Update),
    /// What has changed in it.
    Changes(Update),
}

/// The way to the other zone servers.
#[derive(Debug)]
pub(crate) struct Peers {
    links: Arc<Links>,
    holdings: Arc<Holdings>,
    peers: RwLock<BTreeMap<Incarnation, Peer>>,
    ghosts: SharedGhosts,
    arrivals: Arrivals,
}

/// The way to one of them.
#[derive(Debug, Clone)]
struct Peer {
    queue: mpsc::Sender<ToPeer>,
    /// Whether there is a stream.
    is_up: Arc<AtomicBool>,
}

impl Peers {
    /// Nobody is known yet.
    pub(crate) fn new(links: Arc<Links>, holdings: Arc<Holdings>) -> Self {
        Self {
            links,
            holdings,
            peers: RwLock::default(),
            ghosts: SharedGhosts::default(),
            arrivals: Arrivals::default(),
        }
    }

    /// Passes a command on to the server that holds a region, which answers the gateway itself.
    ///
    /// # Errors
    /// That server cannot be reached or has too much to do, or the command has been passed on too often: the command, to be sent again.
    pub(crate) fn pass(&self, region: RegionId, ask: Ask, span: &Span) -> Result<(), Box<Ask>> {
        let passed = self.try_pass(region, ask, span);
        count::passed(passed.is_ok());
        passed
    }

    fn try_pass(&self, region: RegionId, mut ask: Ask, span: &Span) -> Result<(), Box<Ask>> {
        let link = ask.asker.session.link;
        let gateway = match link == NOBODY.link {
            true => Some(Arc::from(NO_GATEWAY)),
            false => self.links.gateway_of(link),
        };
        let Some(gateway) = gateway else {
            // It has gone: nobody waits for an answer here.
            return Ok(());
        };
        let peer = self.holdings.holder(region);
        let peer = peer.and_then(|holder| self.reachable(holder.incarnation));
        let Some(peer) = peer.filter(|_| ask.hop_count < HOP_COUNT_MAX) else {
            return Err(Box::new(ask));
        };
        ask.hop_count += 1;
        let message = ToPeer::Ask {
            gateway,
            ask: Box::new(ask),
            region,
            traceparent: traceparent(span),
        };
        match peer.queue.try_send(message) {
            Err(
                mpsc::error::TrySendError::Full(ToPeer::Ask { ask, .. })
                | mpsc::error::TrySendError::Closed(ToPeer::Ask { ask, .. }),
            ) => Err(ask),
            _ => Ok(()),
        }
    }

    /// Tells the holder of a region that a row was released for it. A hint: nothing is lost if it does not reach anybody.
    pub(crate) fn arriving(&self, region: RegionId, key: String) {
        if self.holdings.is_mine(region) {
            self.arrivals.add(region, key);
        } else if let Some(holder) = self.holdings.holder(region) {
            self.hint(holder.incarnation, ToPeer::Arriving { region, key });
        }
    }

    /// Tells a server that a region was given to it. A hint.
    pub(crate) fn held(&self, to: Incarnation, region: RegionId, epoch: u64) {
        self.hint(to, ToPeer::Held { region, epoch });
    }

    /// Who is near our regions in those of others.
    pub(crate) fn ghosts(&self) -> SharedGhosts {
        self.ghosts.clone()
    }

    /// Tells the holder of a region something of a creature. It may get lost, as a hint may.
    pub(crate) fn say(&self, to: RegionId, word: Box<Word>) {
        if let Some(holder) = self.holdings.holder(to) {
            self.hint(holder.incarnation, ToPeer::Word { to, word });
        }
    }

    /// The region near one of ours where another server has an entity, as far as it has told.
    pub(crate) fn ghost(&self, key: &str) -> Option<RegionId> {
        let region = self.ghosts.lock().region_of(key)?;
        (!self.holdings.is_mine(region)).then_some(region)
    }

    /// Rows that others have released for regions of ours.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    fn hint(&self, to: Incarnation, hint: ToPeer) {
        if let Some(peer) = self.reachable(to) {
            // One that has no room looks soon by itself.
            let _told = peer.queue.try_send(hint);
        }
    }

    /// How many streams are up, and how many ghosts there are.
    fn depth(&self) -> (usize, usize) {
        let peers = self.peers.read();
        let up = peers
            .values()
            .filter(|peer| peer.is_up.load(Ordering::Acquire));
        (up.count(), self.ghosts.lock().count())
    }

    fn reachable(&self, to: Incarnation) -> Option<Peer> {
        let peers = self.peers.read();
        let peer = peers.get(&to)?;
        peer.is_up.load(Ordering::Acquire).then(|| peer.clone())
    }
}

/// The trace of a request, for another server to follow.
fn traceparent(span: &Span) -> String {
    if span.is_disabled() {
        return String::new();
    }
    runtime::trace::traceparent(span)
}

#[cfg(test)]
mod tests {
    use store::directory::ZoneServer;
    use world::{
        applied::CommandId,
        position::Position,
        region::{Action, Asker, Session},
    };

    use super::*;
    use crate::holdings::Known;

    const ME: Incarnation = Incarnation(1);
    const OTHER: Incarnation = Incarnation(2);
    const THEIRS: RegionId = RegionId {
        level: 0,
        column: 1,
        row: 0,
    };

    /// A gateway, and another server that has a region.
    struct Table {
        links: Arc<Links>,
        peers: Peers,
        session: Session,
        is_up: Arc<AtomicBool>,
        messages: mpsc::Receiver<ToPeer>,
        _queue: crate::links::Queue,
    }

    impl Table {
        fn set() -> Self {
            let (links, holdings) = (Arc::new(Links::default()), Arc::new(Holdings::new(ME)));
            let other = ZoneServer {
                incarnation: OTHER,
                address: "http://127.0.0.1:1".to_owned(),
                is_leaving: false,
                map: 0,
            };
            holdings.know(Known {
                servers: [other].into(),
                regions: [(THEIRS, (Some(OTHER), 1))].into(),
            });
            let (link, queue) = links.open();
            links.name(link, "gate".to_owned());
            let peers = Peers::new(Arc::clone(&links), holdings);
            let (sender, messages) = mpsc::channel(1);
            let is_up = Arc::new(AtomicBool::new(true));
            let peer = Peer {
                queue: sender,
                is_up: Arc::clone(&is_up),
            };
            peers.peers.write().insert(OTHER, peer);
            Self {
                links,
                peers,
                session: Session { link, number: 7 },
                is_up,
                messages,
                _queue: queue,
            }
        }

        fn ask(&self, hop_count: u8) -> Ask {
            let place = Position {
                x: 0.0,
                y: 0.0,
                z: 0,
            };
            Ask {
                asker: Asker {
                    session: self.session,
                    key: "anna".to_owned(),
                    id: CommandId::default(),
                    attempt: 0,
                    kind: "get",
                    is_gm: false,
                    position: place,
                    giver: None,
                },
                target: "bert".to_owned(),
                action: Action::Get("pos".to_owned()),
                hop_count,
            }
        }

        /// Whether a command is passed on, or else comes back as it was.
        fn passes(&self, region: RegionId, hop_count: u8) -> bool {
            let ask = self.ask(hop_count);
            match self.peers.pass(region, ask.clone(), &Span::none()) {
                Ok(()) => true,
                Err(back) => {
                    assert_eq!(back.target, ask.target);
                    false
                }
            }
        }
    }

    #[test]
    fn a_command_goes_to_whoever_holds_the_region() {
        let mut table = Table::set();
        assert!(table.passes(THEIRS, 3));
        match table.messages.try_recv().unwrap() {
            ToPeer::Ask {
                gateway,
                ask,
                region,
                ..
            } => assert_eq!((&*gateway, *ask, region), ("gate", table.ask(4), THEIRS)),
            other => panic!("{other:?}"),
        }
        let nobodys = RegionId { row: 1, ..THEIRS };
        assert!(!table.passes(nobodys, 0));
        assert!(!table.passes(THEIRS, HOP_COUNT_MAX), "too often");
    }

    #[test]
    fn a_command_that_finds_no_room_or_no_stream_comes_back() {
        let mut table = Table::set();
        assert!(table.passes(THEIRS, 0));
        assert!(!table.passes(THEIRS, 0), "the queue is full");
        table.messages.try_recv().unwrap();
        table.is_up.store(false, Ordering::Release);
        assert!(!table.passes(THEIRS, 0), "there is no stream");
        table.is_up.store(true, Ordering::Release);
        table.links.close_all();
        assert!(table.passes(THEIRS, 0), "nobody waits for an answer");
        assert!(table.messages.try_recv().is_err());
    }

    #[test]
    fn hints_are_for_holders_and_get_lost_if_there_is_no_room() {
        let mut table = Table::set();
        table.peers.arriving(THEIRS, "anna".to_owned());
        table.peers.held(OTHER, THEIRS, 2);
        let hint = table.messages.try_recv().unwrap();
        assert!(
            matches!(&hint, ToPeer::Arriving { region: THEIRS, key } if key == "anna"),
            "{hint:?}"
        );
        assert!(table.messages.try_recv().is_err());
        table.peers.held(OTHER, THEIRS, 2);
        let hint = table.messages.try_recv().unwrap();
        assert!(
            matches!(
                hint,
                ToPeer::Held {
                    region: THEIRS,
                    epoch: 2
                }
            ),
            "{hint:?}"
        );
    }
}
