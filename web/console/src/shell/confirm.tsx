// Asks before what cannot be undone, and says what then happens.

import { Button, Modal } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useLayoutEffect, useRef } from 'react';
import { Problem } from './states';

/** The focus goes back to what opened the dialog; to the page's heading where that has gone with what was done. */
function useFocusBack(opened: boolean) {
  const opener = useRef<Element | null>(null);
  useLayoutEffect(() => {
    if (opened) {
      opener.current = document.activeElement;
      return;
    }
    const place = opener.current?.isConnected
      ? opener.current
      : opener.current && document.querySelector('main h1');
    if (place instanceof HTMLElement) place.focus();
    opener.current = null;
  }, [opened]);
}

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
  useFocusBack(opened);
  return (
    <Modal
      opened={opened}
      onClose={() => {
        doing.reset();
        close();
      }}
      returnFocus={false}
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
