# Every target does its own set-up; needs only make and Node >= 20 with npm.
.PHONY: run test lint proto image bench clean

# A node as an ordinary process: state in .node/, API on 127.0.0.1:50000. make run ARGS="--listen 127.0.0.2 --state DIR"
run:
	node scripts/start.mjs $(ARGS)

# Check, unit tests and every suite; installs what the suites drive where root and apt are there.
test:
	node scripts/test.mjs $(ARGS)

# Types, lint, format and import rules.
lint:
	node scripts/lint.mjs

# Regenerates src/gen from proto, byte for byte the same for the same input.
proto:
	node scripts/proto.mjs

# The Docker image talosd:latest, without any registry (needs mmdebstrap and a running Docker).
image:
	node images/container/build.mjs

# The table of docs/performance.md; make bench ARGS=--json prints one object a row.
bench:
	node scripts/bench.mjs $(ARGS)

clean:
	rm -rf dist coverage _out
