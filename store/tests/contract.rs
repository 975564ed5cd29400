//! What every form of the store promises. Each test runs once for each form; a new form is one more `Backend`, and one more line in
//! the macros below.
//!
//! The rows' ownership is [`entities`] by example, and [`ownership`] by any sequence of claims, saves and releases.

#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

#[path = "contract/accounts.rs"]
mod accounts;
#[path = "contract/announcements.rs"]
mod announcements;
#[path = "contract/content.rs"]
mod content;
#[path = "contract/directory.rs"]
mod directory;
#[path = "contract/edits.rs"]
mod edits;
#[path = "contract/entities.rs"]
mod entities;
#[path = "contract/ground.rs"]
mod ground;
#[path = "contract/hints.rs"]
mod hints;
#[path = "contract/ownership.rs"]
mod ownership;
#[path = "contract/processes.rs"]
mod processes;
#[path = "contract/regions.rs"]
mod regions;
#[path = "contract/sessions.rs"]
mod sessions;
#[path = "contract/sharing.rs"]
mod sharing;
#[path = "contract/upgrades.rs"]
mod upgrades;
#[path = "contract/writer.rs"]
mod writer;

/// Tests of the database, for each database there is.
macro_rules! on_every_database {
    ($($module:ident { $($test:ident),* $(,)? })*) => {
        mod sqlite {
            $(mod $module {
                $(#[tokio::test]
                async fn $test() {
                    crate::$module::$test(&crate::ground::Sqlite::new()).await;
                })*
            })*
        }
        mod postgres {
            $(mod $module {
                $(#[tokio::test]
                async fn $test() {
                    crate::$module::$test(&crate::ground::Postgres::new()).await;
                })*
            })*
        }
    };
}

/// Tests of the database that bring a runtime of their own, for each database there is.
macro_rules! properties_of_every_database {
    ($($module:ident { $($test:ident),* $(,)? })*) => {
        mod sqlite_properties {
            $(mod $module {
                $(#[test]
                fn $test() {
                    crate::$module::$test(&crate::ground::Sqlite::new());
                })*
            })*
        }
        mod postgres_properties {
            $(mod $module {
                $(#[test]
                fn $test() {
                    crate::$module::$test(&crate::ground::Postgres::new());
                })*
            })*
        }
    };
}

/// Tests of what need not last, for each form there is.
macro_rules! on_every_hint {
    ($($module:ident { $($test:ident),* $(,)? })*) => {
        mod in_process {
            $(mod $module {
                $(#[tokio::test]
                async fn $test() {
                    crate::$module::$test(&crate::hints::Local::new().hints().await).await;
                })*
            })*
        }
        mod redis {
            $(mod $module {
                $(#[tokio::test]
                async fn $test() {
                    let server = crate::hints::Redis::new();
                    crate::$module::$test(&server.hints().await).await;
                })*
            })*
        }
    };
}

on_every_database! {
    accounts {
        a_new_account_has_a_character_and_a_session,
        a_name_is_taken_in_every_case_by_whatever_has_it,
        of_many_who_want_a_name_one_gets_it,
        each_session_has_a_higher_generation,
        roles_and_passwords_change,
        what_a_player_was_told_of_is_kept_and_never_falls,
        names_are_in_the_order_of_their_bytes,
    }
    entities {
        a_claim_raises_own_and_returns_what_was_saved,
        a_claim_of_what_has_changed_since_finds_nothing,
        a_save_by_another_or_from_before_writes_nothing,
        a_release_ends_ownership,
        the_absent_are_told_what_they_undergo,
        who_is_gone_has_undergone_what_it_had,
        a_save_leaves_own_as_it_is,
        who_enters_with_a_lower_generation_finds_nothing,
        orphans_are_present_and_nobodys_who_lives,
        claims_of_many_rows_are_each_for_itself,
        a_row_keeps_everything,
    }
    edits {
        a_tile_is_kept_and_raises_the_map,
        an_edit_that_comes_again_has_no_second_effect,
        two_edits_of_one_name_in_one_commit_are_one,
        a_reload_takes_away_what_no_longer_fits,
        a_reset_takes_all_away_and_is_counted,
        a_text_that_no_database_takes_is_nobodys,
        a_map_that_is_not_there_is_not_edited,
        what_is_spawned_is_there_and_owned,
        what_cannot_be_done_is_not_in_the_log,
        a_despawn_leaves_a_tombstone,
        a_tombstone_ends,
        players_are_not_despawned,
        a_save_with_its_audit_is_fenced_too,
        a_note_is_in_the_log_once,
        what_is_refused_for_good_is_not_done_later,
        what_was_done_is_not_refused_later,
        the_log_is_newest_first,
    }
    content {
        what_is_published_can_be_loaded,
        publishing_the_same_is_nothing_new,
        a_changed_file_is_a_new_version_and_earlier_ones_stay,
        large_files_come_back_whole,
        flags_tell_maps_from_clients,
        maps_keep_their_places_when_they_are_gone,
        going_back_is_a_new_version_with_the_files_of_an_earlier_one,
        of_several_who_place_maps_at_once_none_takes_anothers_place,
        old_versions_are_forgotten,
        a_world_is_read_once_and_shared,
        what_cannot_be_served_says_why,
    }
    directory {
        who_says_that_he_lives_is_listed,
        what_he_says_of_himself_is_listed,
        who_says_nothing_for_too_long_is_not,
        who_goes_is_taken_off,
    }
    processes {
        what_a_service_says_of_itself_is_listed,
        who_has_died_is_remembered_for_a_while,
        a_kind_that_nobody_knows_yet_is_not_shown,
        who_ends_is_taken_off,
        who_is_asked_to_drain_hears_it_at_its_heartbeat,
        the_last_who_stays_is_not_drained_unless_it_must_be,
        the_status_is_all_of_it_at_one_moment,
    }
    upgrades {
        what_it_can_work_with_is_opened,
        what_it_cannot_work_with_is_left_alone,
        a_step_of_ours_that_is_another_one_is_refused_all_the_same,
    }
    regions {
        what_nobody_holds_is_taken,
        what_a_dead_one_holds_is_taken,
        of_many_who_take_one_does,
        a_region_is_given_by_its_holder,
        many_regions_are_taken_and_given_at_once,
        clearing_takes_every_region_from_its_holder,
    }
    writer {
        many_saves_are_few_commits,
        what_fails_takes_nothing_else_with_it,
        of_many_saves_only_the_one_that_cannot_be_done_fails,
        operations_take_effect_in_the_order_in_which_they_were_asked_for,
        a_caller_who_goes_away_undoes_nothing,
        what_was_asked_for_before_closing_is_written,
    }
    sharing {
        two_that_have_it_open_see_each_others_writes,
        opening_it_at_once_from_several_sides_works,
        everything_is_there_when_it_is_opened_again,
    }
}

properties_of_every_database! {
    ownership {
        no_fenced_save_changes_a_row,
        no_acknowledged_save_is_lost_between_owners,
    }
}

on_every_hint! {
    sessions {
        a_session_is_found_in_any_case_until_it_is_removed,
        a_higher_generation_replaces_a_lower_one_and_not_the_other_way,
        only_the_session_of_that_generation_is_removed,
        a_session_ends_with_its_time,
    }
    announcements {
        who_listens_is_told,
        topics_are_apart,
        nothing_is_told_twice,
    }
}
