// Major versions that we work with; newer ones are tried, older ones are refused.

export const oldestMajor = 13;
export const newestMajor = 18;
