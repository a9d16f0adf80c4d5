// Which of some known words somebody may have meant.

import { distance } from 'fastest-levenshtein';

const lettersOf = (word: string): string => Array.from(word).toSorted().join('');

/** At most every third letter may differ for a word to be taken for a slip of another one; undefined where it is none. */
export const nearest = (word: string, known: readonly string[]): string | undefined => {
  const distances = known.map((candidate) => distance(word, candidate));
  const least = Math.min(...distances);
  if (least > Math.ceil(word.length / 3)) return undefined;
  const candidates = known.filter((_, index) => distances[index] === least);
  // Two letters that changed places count as two; they are the commonest slip all the same.
  return candidates.find((candidate) => lettersOf(candidate) === lettersOf(word)) ?? candidates[0];
};
