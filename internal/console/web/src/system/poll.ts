/** ms between two readings of what no event tells. */
export const poll = 5000;
