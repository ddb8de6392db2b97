// Kinds of bytes in text.

export const isDigit = (c: number): boolean => c >= 48 && c <= 57;
export const isLetter = (c: number): boolean => (c >= 65 && c <= 90) || (c >= 97 && c <= 122);
export const isWord = (c: number): boolean => isDigit(c) || isLetter(c) || c === 95;
export const isHex = (c: number): boolean => isDigit(c) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102);
export const isToken = (c: number): boolean => isWord(c) || c === 45 || c === 46 || c === 47 || c === 43 || c === 61;
export const isLocal = (c: number): boolean => isWord(c) || c === 46 || c === 43 || c === 45 || c === 37 || c >= 0x80;
export const isSeparator = (c: number): boolean => c === 32 || c === 45 || c === 46 || c === 40 || c === 41;
