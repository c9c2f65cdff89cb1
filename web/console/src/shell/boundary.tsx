// A page that fails takes only itself down, and says so.

import { Button } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { Problem } from './states';

/** `place` is where the reader is: another page gets another try. */
export class Boundary extends Component<
  { place: string; children: ReactNode },
  { error: unknown; at: string }
> {
  override state = { error: null as unknown, at: '' };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  static getDerivedStateFromProps({ place }: { place: string }, state: { error: unknown; at: string }) {
    return state.at === place ? null : { error: null, at: place };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <div className="stack">
        <h1 className="hidden">This page failed</h1>
        <Problem error={this.state.error} />
        <div>
          <Button onClick={() => location.reload()}>Load it again</Button>
        </div>
      </div>
    );
  }
}
