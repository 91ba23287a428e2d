export function StrangersPage(_: { at: import('../lib/route').Route }) { return null; }
