//! state_pickle
