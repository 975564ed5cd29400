//! What regions of different zone servers say to each other of creatures.

use proto::{self as p, creature_word::News as Say};
use world::{
    applied::Applied,
    name,
    region::{News, Traveller, Word},
    region_id::RegionId,
    state_pickle,
};

use super::{
    super::{Invalid, Said},
    position, region, text, written, written_position,
};

/// As it goes out.
pub(super) fn written_word(to: RegionId, word: &Word) -> p::CreatureWord {
    p::CreatureWord {
        to: Some(written(to)),
        from: Some(written(word.from)),
        name: word.key.clone(),
        own: word.own,
        version: word.version,
        news: Some(match &word.news {
            News::Crosses(traveller) => Say::Crosses(p::Traveller {
                name: traveller.name.clone(),
                home: Some(written(traveller.home)),
                origin: Some(written_position(traveller.origin)),
                state: state_pickle::encode(&traveller.state).into(),
                applied: traveller.applied.encode().into(),
            }),
            News::HasCome => Say::HasCome(p::Nothing {}),
            News::Lives => Say::Lives(p::Nothing {}),
            News::HasEnded { for_good } => Say::HasEnded(*for_good),
            News::HasDied => Say::HasDied(p::Nothing {}),
            News::Superseded => Say::Superseded(p::Nothing {}),
            News::Answered {
                number,
                attempt,
                done,
            } => Say::Answered(p::Answered {
                number: *number,
                done: *done,
                attempt: *attempt,
            }),
        }),
    }
}

/// As it has come.
pub(super) fn read(said: p::CreatureWord) -> Result<Said, Invalid> {
    let news = match said.news.ok_or(Invalid::Missing("news of a creature"))? {
        Say::Crosses(traveller) => News::Crosses(Box::new(Traveller {
            name: text("a name", traveller.name)?,
            home: region(traveller.home)?,
            origin: position(traveller.origin)?,
            state: state_pickle::decode(&traveller.state)
                .map_err(|_| Invalid::Pickle("a creature", "a state"))?,
            applied: Applied::decode(&traveller.applied)
                .map_err(|_| Invalid::Pickle("a creature", "its commands"))?,
        })),
        Say::HasCome(p::Nothing {}) => News::HasCome,
        Say::Lives(p::Nothing {}) => News::Lives,
        Say::HasEnded(for_good) => News::HasEnded { for_good },
        Say::HasDied(p::Nothing {}) => News::HasDied,
        Say::Superseded(p::Nothing {}) => News::Superseded,
        Say::Answered(p::Answered {
            number,
            done,
            attempt,
        }) => News::Answered {
            number,
            attempt,
            done,
        },
    };
    let word = Word {
        from: region(said.from)?,
        key: name::key(&text("a name", said.name)?),
        own: said.own,
        version: said.version,
        news,
    };
    Ok(Said::Word {
        to: region(said.to)?,
        word: Box::new(word),
    })
}

#[cfg(test)]
mod tests {
    use world::{
        applied::CommandId,
        entity::{Attribute, EntityState},
        position::Position,
    };

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let [to, from, home] = ["0:1:0", "0:0:0", "2:-3:5"].map(|text| text.parse().unwrap());
        let mut state = EntityState::at(Position {
            x: 9.5,
            y: 2.5,
            z: 0,
        });
        let attribute = Attribute {
            value: wire::Value::Int(7),
            expires_ms: Some(90),
        };
        state.attributes.insert("hp".to_owned(), attribute);
        let mut applied = Applied::default();
        let id = CommandId {
            generation: 3,
            counter: 4,
        };
        applied.record("anna", id, true, 5);
        let traveller = Traveller {
            name: "Owl#0:0:0.1".to_owned(),
            home,
            origin: state.position,
            state,
            applied,
        };
        let all = [
            News::Crosses(Box::new(traveller)),
            News::HasCome,
            News::Lives,
            News::HasEnded { for_good: true },
            News::HasEnded { for_good: false },
            News::HasDied,
            News::Superseded,
            News::Answered {
                number: 1 << 60,
                attempt: 3,
                done: true,
            },
        ];
        for news in all {
            let word = Word {
                from,
                key: "owl#0:0:0.1".to_owned(),
                own: 9 << 16,
                version: 11,
                news,
            };
            match read(written_word(to, &word)) {
                Ok(Said::Word {
                    to: read_to,
                    word: read,
                }) => {
                    assert_eq!((read_to, *read), (to, word));
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(read(p::CreatureWord::default()).is_err());
    }
}
