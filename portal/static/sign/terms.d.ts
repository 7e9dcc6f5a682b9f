// The server makes this module of the first version of the vocabulary.

type Words = { en: string; 'zh-CN': string } & Record<string, string>;
type Category = { label: Words; fields: Record<string, Words> };

export type Terms = {
  purposes: Record<string, Words>;
  recipients?: Record<string, Words>;
  categories: Record<string, Category>;
};

export const TERMS: Terms;
