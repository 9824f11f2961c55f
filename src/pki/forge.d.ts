/** The one module of node-forge that is loaded: its ASN.1 layer without the rest of the library. */
declare module 'node-forge/lib/asn1.js' {
  import type forge from 'node-forge';

  const asn1: typeof forge.asn1;
  export default asn1;
}
