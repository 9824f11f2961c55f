# Every target does its own set-up; needs only make and Node >= 20 with npm.
.PHONY: proto

# Regenerates src/gen from proto, byte for byte the same for the same input.
proto:
	node scripts/proto.mjs
