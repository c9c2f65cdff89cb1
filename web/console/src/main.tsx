import './style/console.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { secretIn, signInByAddress } from './shell';

// Opened where the console is already, a printed link changes the address alone.
window.addEventListener('hashchange', () => {
  if (secretIn(location.hash)) location.reload();
});

// Parts of a page that a newer server has under other names: the page itself has to be loaded anew, once.
const RELOADED = 'agent-foundry-reloaded';
window.addEventListener('vite:preloadError', () => {
  if (sessionStorage.getItem(RELOADED)) return;
  sessionStorage.setItem(RELOADED, 'yes');
  location.reload();
});
window.addEventListener('load', () => setTimeout(() => sessionStorage.removeItem(RELOADED), 10_000));

const root = document.getElementById('console');
if (!root) throw new Error('the page has no #console');
const refused = await signInByAddress();
createRoot(root).render(
  <StrictMode>
    <App refused={refused} />
  </StrictMode>,
);
