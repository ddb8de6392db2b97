// Beginnings by which issuers mark their access keys and tokens, so that leaks can be found. From their public documentation.

const utf8 = new TextEncoder();

/** `lengthMin` = characters that follow at least. Longest prefix first where one begins another. */
export const secretPrefixes: readonly { readonly prefix: Uint8Array; readonly lengthMin: number }[] = (
  [
    ["sk-ant-", 20],
    ["sk-proj-", 20],
    ["sk-", 20],
    ["sk_live_", 16],
    ["sk_test_", 16],
    ["rk_live_", 16],
    ["pk_live_", 16],
    ["hf_", 30],
    ["ghp_", 30],
    ["gho_", 30],
    ["ghs_", 30],
    ["ghu_", 30],
    ["github_pat_", 30],
    ["glpat-", 18],
    ["xoxb-", 20],
    ["xoxp-", 20],
    ["xapp-", 20],
    ["AKIA", 16],
    ["ASIA", 16],
    ["AIza", 35],
    ["ya29.", 20],
    ["npm_", 30],
    ["pypi-", 30],
    ["whsec_", 20],
    ["nvapi-", 30],
    ["gsk_", 30],
    ["SG.", 40],
    // A JSON web token: base64 of `{"`.
    ["eyJ", 40],
  ] as const
).map(([prefix, lengthMin]) => ({ prefix: utf8.encode(prefix), lengthMin }));
