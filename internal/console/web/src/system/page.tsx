export function SystemPage(_: { at: import('../lib/route').Route }) { return null; }
