import { useState } from 'preact/hooks';
import type { Problem } from './lib/api';
import { useTask } from './lib/hooks';
import { t } from './lib/i18n';
import { signIn } from './lib/session';
import { Button, ErrorBox } from './ui/basic';
import { Input } from './ui/form';
import { Switches } from './shell';

export function SignIn({ why }: { why: Problem | undefined }) {
  const [token, setToken] = useState('');
  const task = useTask();
  return (
    <main class="sign-in">
      <h1>linkd</h1>
      <p class="muted">{t('signIn.about')}</p>
      {why && <ErrorBox error={why} />}
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void task.run(() => signIn({ token: token.trim() }));
        }}
      >
        <Input
          label={t('signIn.token')}
          type="password"
          value={token}
          onInput={setToken}
          focus
          mono
          hint={t('signIn.hint')}
          error={task.error?.message}
          autocomplete="current-password"
        />
        <Button submit kind="primary" disabled={task.busy || !token.trim()}>
          {t('signIn.action')}
        </Button>
      </form>
      <Switches />
    </main>
  );
}
