//! The other zone servers, as this one speaks to them: commands that go on to one of their regions, hints about rows and regions that go over to them,
//! and ghosts, by which it knows who is where in regions near its own. It does not know what a region decides, or who should hold which.

mod arrivals;

use store::entities::Incarnation;
use tracing::Span;
use world::{region::Ask, region_id::RegionId};

pub(crate) use arrivals::Arrivals;

/// The way to the other zone servers.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    arrivals: Arrivals,
}

impl Peers {
    /// Passes a command on to the server that holds a region, which answers the gateway itself.
    ///
    /// # Errors
    /// That server cannot be reached, has too much to do, or the command has been passed on too often: the command, to be sent again.
    pub(crate) fn pass(&self, _region: RegionId, ask: Ask, _span: &Span) -> Result<(), Box<Ask>> {
        Err(Box::new(ask))
    }

    /// Tells the holder of a region that a row was released for it. A hint: nothing is lost if it does not reach anybody.
    pub(crate) fn arriving(&self, region: RegionId, key: String) {
        tracing::debug!(%region, key, "nobody to tell of an arrival");
    }

    /// Tells a server that a region was given to it. A hint.
    pub(crate) fn held(&self, to: Incarnation, region: RegionId, epoch: u64) {
        tracing::debug!(%to, %region, epoch, "nobody to tell of a region");
    }

    /// The region near one of ours where another server has an entity, as far as it has told.
    pub(crate) fn ghost(&self, _key: &str) -> Option<RegionId> {
        None
    }

    /// Rows that others have released for regions of ours.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }
}
