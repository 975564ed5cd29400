-- Game masters are read each second by every zone server: not by looking at every account.
CREATE INDEX accounts_game_masters ON accounts (key) WHERE role = 'gm';
