# What one does here. `just` lists it.

_default:
    @just --list --unsorted

# Play: the whole cluster in one process, with the example world
run *arguments:
    cargo run --release -- {{ arguments }}

# What CI runs
check:
    .ci/run

# Every test, or only some of it: `just test e2e test_framing`
test *arguments:
    tests/run {{ arguments }}

# Hurt a cluster while bots play on it: `just faults --rounds 300 --only kill-zone`
faults *arguments:
    tests/run faults {{ arguments }}

# The same in containers, by the compose file: `just compose --figures --binary target/release/pymmorpg`
compose *arguments:
    tests/run compose {{ arguments }}

# Simulate clusters, seed after seed: `just simulate --seeds 20000`
simulate *arguments:
    tests/run simulation {{ arguments }}

# Check the Kubernetes manifests: `just kubernetes --mutants`
kubernetes *arguments:
    deploy/kubernetes/check {{ arguments }}

# Bring the code into form
fmt:
    cargo fmt --all

# Measure
bench *arguments:
    cargo bench --workspace {{ arguments }}

# Ten million hostile pickles: no panic, no abort, and heap for no more than the input pays for
hostile *arguments:
    cargo run --release -p wire --example hostile -- --count 10000000 {{ arguments }}
