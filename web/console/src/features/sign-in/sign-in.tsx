// The door. The address stays, so that signing in leads back to it.

import { Button, PasswordInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import icon from '../../../icon.svg';
import { refusalOf } from '../../server';
import { Said, signIn } from '../../shell';
import { sentence } from '../../words';

export function SignIn({ refused }: { refused: unknown }) {
  const [token, setToken] = useState('');
  const entering = useMutation({ mutationFn: () => signIn({ token: token.trim() }), networkMode: 'always' });
  // The document's title is the browser's.
  useEffect(() => {
    const before = document.title;
    document.title = 'Sign in · Agent Foundry';
    return () => {
      document.title = before;
    };
  }, []);
  const error = entering.error ?? refused;
  const said = error ? refusalOf(error) : null;
  return (
    <main className="door">
      <div className="card" data-testid="sign-in">
        <div className="brand">
          <img src={icon} alt="" width="22" height="22" />
          Agent Foundry
        </div>
        <h1>Sign in</h1>
        <p className="quiet">
          Open the link that the server printed at its start: what follows its # signs one browser in, once;{' '}
          <code>foundry admin-link</code> prints another one. Or enter the operator's token here;{' '}
          <a href="/docs/errors/OPERATOR_ONLY">this page</a> says where it is found.
        </p>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            entering.mutate();
          }}
        >
          <PasswordInput
            label="Operator's token"
            value={token}
            onChange={(event) => setToken(event.currentTarget.value)}
            autoComplete="current-password"
            data-autofocus
            data-testid="token"
            error={said && <Said text={`${said.title}: ${sentence(said.detail)}`} />}
          />
          <Button type="submit" loading={entering.isPending} disabled={!token.trim()} data-testid="enter">
            Sign in
          </Button>
        </form>
      </div>
    </main>
  );
}
