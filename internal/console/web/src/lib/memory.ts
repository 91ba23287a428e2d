/** What this browser keeps between visits. It may be forbidden to: then nothing is kept. */
export function remembered(key: string): string | null {
  try {
    return localStorage.getItem('linkd.' + key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem('linkd.' + key, value);
  } catch {
    // a private window: the choice lasts as long as the page
  }
}
