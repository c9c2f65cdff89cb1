import { Button } from '@mantine/core';
import { useState } from 'react';

/** Without a clipboard (an insecure page) the text itself has to be selected. */
export function Copy({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [said, say] = useState(label);
  const copy = async () => {
    const copied = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    say(copied ? 'Copied' : 'Select and copy it');
    setTimeout(() => say(label), 2500);
  };
  return (
    <Button variant="default" onClick={() => void copy()} data-testid="copy">
      {said}
    </Button>
  );
}
