export {
  tryAccount,
  useAllAccounts,
  useAllAgents,
  useAllChannels,
  useDomains,
  useEnvironments,
  useTrunks,
  useVendors,
  useVoices,
} from './choices';
export { colourAt } from './colour';
export { Confirm } from './confirm';
export { Copy } from './copy';
export { Form, leadTo, useFaultAt } from './form';
export * from './icons';
export { Layout, useAbout } from './layout';
export { lazily } from './lazily';
export { notice } from './notices';
export { Page } from './page';
export { More, type Pages, usePages, useWhole } from './pages';
export { Party } from './party';
export { Said } from './said';
export { Schedule } from './schedule';
export { useScheme } from './scheme';
export { Scroll } from './scroll';
export { queries, secretIn, session, signIn, signInByAddress } from './session';
export { Sound } from './sound';
export { Empty, Loading, Problem, Time } from './states';
export { chosen } from './typed';
