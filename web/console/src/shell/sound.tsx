import { useEffect, useState } from 'react';

/** A WAV file in base64. Pages may not play what is written into them, but what they have made themselves. */
export function Sound({
  wav,
  label,
  plays = false,
  testid,
}: {
  wav: string;
  label: string;
  plays?: boolean;
  testid?: string;
}) {
  const [url, setUrl] = useState('');
  // The browser keeps what a URL stands for until it is told otherwise.
  useEffect(() => {
    const bytes = Uint8Array.from(atob(wav), (letter) => letter.charCodeAt(0));
    const made = URL.createObjectURL(new Blob([bytes], { type: 'audio/wav' }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [wav]);
  // biome-ignore lint/a11y/useMediaCaption: it says one known sentence
  return url ? <audio controls autoPlay={plays} src={url} aria-label={label} data-testid={testid} /> : null;
}
