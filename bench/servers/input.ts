/** The codec that leaves bytes as they are. */
export const grpcIdentity = (bytes: Buffer): Buffer => bytes;
