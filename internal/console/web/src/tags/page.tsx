export function TagsPage(_: { at: import('../lib/route').Route }) { return null; }
