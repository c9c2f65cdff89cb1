// Asks before what cannot be undone, and says what then happens.

import { Button, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Problem } from './states';

export function Confirm({
  opened,
  title,
  children,
  does,
  danger = true,
  act,
  close,
}: {
  opened: boolean;
  title: string;
  children: ReactNode;
  /** The words on the button. */
  does: string;
  danger?: boolean;
  act: () => Promise<unknown>;
  close: () => void;
}) {
  const doing = useMutation({ mutationFn: act, onSuccess: close });
  return (
    <Modal
      opened={opened}
      onClose={() => {
        doing.reset();
        close();
      }}
      title={title}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <div className="stack">
        <div>{children}</div>
        {doing.isError && <Problem small error={doing.error} />}
        <div className="row end">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button
            color={danger ? 'danger' : ''}
            loading={doing.isPending}
            onClick={() => doing.mutate()}
            data-testid="confirm"
          >
            {does}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
