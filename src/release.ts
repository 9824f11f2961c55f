/** Our own release: what stands in `sha` and `built` of the Version call (the tag is the release of the contract). */
export const RELEASE = { release: '0.1.0', built: '' } as const;
