import { get, Problem, url } from '../lib/api';
import { t } from '../lib/i18n';
import type { Channel, Config, ConnectionDetail, Fleet, Model, Provider, ProviderDetail, Tag } from '../lib/types';
import type { Loaded } from './edit';

// What is configured, as a PUT takes it.

export async function loadProvider(name: string): Promise<Loaded> {
  const { body, etag } = await get<ProviderDetail>(url`/providers/${name}`);
  return { spec: body.config, etag };
}

/** A connection's configuration. One of a fleet has none of its own. */
export async function loadConnection(provider: string, name: string): Promise<Loaded> {
  const { body, etag } = await get<ConnectionDetail>(url`/connections/${provider}/${name}`);
  if (!body.config) throw new Problem(404, t('conn.ofFleet', { name }));
  return { spec: body.config, etag };
}

export async function loadFleet(provider: string, name: string): Promise<Loaded> {
  const { body, etag } = await get<Fleet>(url`/fleets/${provider}/${name}`);
  const { provider: _, ...spec } = body;
  return { spec, etag };
}

export async function loadModel(name: string): Promise<Loaded & { model: Model }> {
  const { body, etag } = await get<Model>(url`/models/${name}`);
  return { model: body, spec: { title: body.title, tags: body.tags.map(tagSpec) }, etag };
}

export async function loadChannel(name: string): Promise<Loaded & { channel: Channel }> {
  const { body, etag } = await get<Channel>(url`/channels/${name}`);
  return { channel: body, spec: channelSpec(body), etag };
}

const said = (v: string): string | undefined => (v === '' || v === '0s' ? undefined : v);

export function channelSpec(c: Channel): Config {
  return {
    title: c.title,
    connection: c.connection,
    driver: c.driver,
    poll: said(c.poll),
    options: c.options,
    devices: c.devices.map((d) => ({
      name: d.name,
      title: said(d.title),
      unit: d.unit || undefined,
      address: said(d.address),
      model: said(d.model),
      driver: said(d.driver),
      poll: said(d.poll),
      options: Object.keys(d.options).length ? d.options : undefined,
      tags: d.tags.length ? d.tags.map(tagSpec) : undefined,
    })),
  };
}

/** A tag without its defaults. */
export function tagSpec(tag: Tag): Config {
  return {
    name: tag.name,
    title: said(tag.title),
    address: said(tag.address),
    type: said(tag.type),
    order: tag.order === 'ABCD' ? undefined : tag.order,
    length: tag.length || undefined,
    scale: tag.scale === 1 ? undefined : tag.scale,
    offset: tag.offset || undefined,
    clamp: tag.clamp ?? undefined,
    decimals: tag.decimals ?? undefined,
    unit: said(tag.unit),
    poll: said(tag.poll),
    deadband: tag.deadband || undefined,
    expr: said(tag.expr),
    writable: tag.writable || undefined,
    readback: tag.readback || undefined,
    on_change: tag.on_change || undefined,
  };
}

/** All that the tree shows, but for connections, which are read as they are opened. */
export interface Project {
  providers: Provider[];
  fleets: Fleet[];
  channels: Channel[];
  models: Model[];
}
