// How alike two texts are in wording: the cosine between counts of their hashed character n-grams.

/** Characters in a gram: long enough to tell words, short enough to forgive an ending. */
const gram = 4;
/** Buckets of a profile, a power of two. */
const size = 4096;

/**
 * Counts of the text's grams by bucket (feature hashing, Weinberger et al. 2009; FNV-1a), small letters and single spaces.
 * A text shorter than a gram is one gram.
 */
export function gramProfile(text: string): Float64Array {
  const profile = new Float64Array(size);
  const plain = text.toLowerCase().replace(/\s+/g, " ").trim();
  const last = Math.max(1, plain.length - gram + 1);
  for (let start = 0; plain !== "" && start < last; start++) {
    let hash = 0x811c9dc5;
    const end = Math.min(plain.length, start + gram);
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ plain.charCodeAt(i), 0x01000193);
    profile[(hash ^ (hash >>> 15)) & (size - 1)]! += 1;
  }
  return profile;
}

/**
 * 1 for texts of the same grams, 0 for texts that share none or where one is empty. Blind to meaning: a negation is near
 * its contrary, a paraphrase far from its source, and unlike long texts of one language reach 0.3 or so.
 */
export function gramCosine(a: string, b: string): number {
  const first = gramProfile(a);
  const second = gramProfile(b);
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < size; i++) {
    const x = first[i] as number;
    const y = second[i] as number;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : Math.min(1, dot / Math.sqrt(aa * bb));
}
