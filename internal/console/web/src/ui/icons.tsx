const paths = {
  project: 'M4 5h6v5H4zM14 3h6v5h-6zM14 10h6v5h-6zM14 17h6v4h-6zM7 10v9h7M7 12.5h7M10 6h4',
  fleet: 'M5 12.5a10 10 0 0 1 14 0M8 15.5a6 6 0 0 1 8 0M2 9.5a14 14 0 0 1 20 0M12 19h.01',
  strangers: 'M12 3a5 5 0 0 1 2 9.6V15h-2M13 19h.01M4 21h16',
  tags: 'M4 19V5M4 19h16M7 15l4-5 3 3 5-7',
  system: 'M4 6h16v5H4zM4 14h16v5H4zM8 8.5h.01M8 16.5h.01',
  more: 'M12 5h.01M12 12h.01M12 19h.01',
  right: 'M9 6l6 6-6 6',
  left: 'M15 6l-6 6 6 6',
  close: 'M6 6l12 12M18 6L6 18',
  add: 'M12 5v14M5 12h14',
  edit: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4',
  remove: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 5l12 7-12 7z',
  save: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  undo: 'M9 7L4 12l5 5M4 12h10a6 6 0 0 1 0 8',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M19 5l-1.5 1.5M6.5 17.5L5 19',
  moon: 'M20 14a8 8 0 0 1-10-10 8 8 0 1 0 10 10z',
  auto: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18',
  out: 'M14 4H5v16h9M10 12h11M17 8l4 4-4 4',
  history: 'M4 12a8 8 0 1 0 3-6.2L4 8M4 3v5h5M12 8v4l3 2',
  send: 'M4 12l16-8-6 16-3-6z',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
