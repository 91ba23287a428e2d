import { t } from '../lib/i18n';
import { href, type Route } from '../lib/route';
import { may } from '../lib/session';
import { Revisions } from '../project/changes';
import { Card, Page } from '../ui/basic';
import { About } from './about';
import { BusCard } from './bus';
import { Import } from './import';
import { Limits } from './limits';
import { Log } from './log';
import { Outputs } from './outputs';
import { Tokens } from './tokens';

export function SystemPage({ at }: { at: Route }) {
  if (at.parts[1] === 'import' && may('admin')) return <Import at={at} />;
  return (
    <Page
      title={t('nav.system')}
      actions={
        may('admin') && (
          <a class="button" href={href(['system', 'import'])}>
            {t('import.title')}
          </a>
        )
      }
    >
      <div class="columns">
        <About />
        <BusCard />
      </div>
      <Limits fleet={at.query.get('fleet') ?? ''} />
      <Outputs />
      {may('operator') && <Log level={at.query.get('level') ?? 'info'} />}
      {may('admin') && <Tokens />}
      <Card title={t('changes.title')}>
        <Revisions onChanged={() => {}} />
      </Card>
    </Page>
  );
}
