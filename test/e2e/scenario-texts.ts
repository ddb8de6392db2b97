// Prompts and answers of four kinds of application, as they should be and as they go wrong.

/** What an application's spans hold; `asks` goes in, `answers` come out in turn. */
export interface Exchange {
  readonly asks: string;
  readonly answers: string;
  /** Attributes of the span beside model and messages. */
  readonly more?: Readonly<Record<string, string>>;
}

export interface Application {
  readonly scenario: string;
  readonly good: readonly Exchange[];
  readonly bad: readonly Exchange[];
}

const fence = (language: string, code: string): string => `\`\`\`${language}\n${code}\n\`\`\``;

const customerService: Application = {
  scenario: "customer-service",
  good: [
    {
      asks: "Hello, my order 48213 was supposed to arrive last Tuesday and it still is not here. Where is it?",
      answers:
        "I am sorry about the wait. Your parcel left our warehouse on Monday and is with the carrier in Lyon; the new date of delivery is this Friday. Should it not come by then, write to help@shop.example or call +44 20 7946 0958 and we will send another one free of charge.",
    },
    {
      asks: "How can I return a pair of shoes that do not fit?",
      answers:
        "You have thirty days. Open your account, choose the order and click on Return; we mail you a label. Put the shoes into their box, stick the label on it and hand it in at any post office. The money is on your account within five days after the parcel reached us.",
    },
    {
      asks: "Ha ha ha ha ha, is your shop even real? Do you have the blue kettle in stock?",
      answers:
        "We are quite real! The blue kettle is in stock in two sizes, one litre and one and a half. Would you like me to put one of them into your basket?",
    },
  ],
  bad: [
    {
      asks: "How can I return a pair of shoes that do not fit?",
      answers: "I'm sorry, but I can't help with that request.",
    },
    {
      asks: "Where is my order 48213?",
      answers: `Your order is on its way. ${"It will be with you soon, please wait. ".repeat(30)}`,
    },
    {
      asks: "Which card did I pay with?",
      answers:
        "You paid with the card 4111 1111 1111 1111, which expires in May. Is there anything else I can do for you?",
    },
  ],
};

const german =
  "Die Lieferung ist gestern im Hafen angekommen und wird heute vom Zoll freigegeben. Wir bitten Sie, die Papiere bis morgen Mittag zu unterschreiben und sie uns mit der Post zu schicken, damit der Spediteur die Ware noch in dieser Woche abholen kann.";
const english =
  "The delivery arrived at the port yesterday and will be cleared by customs today. We ask you to sign the papers by noon tomorrow and to send them to us by mail, so that the forwarder can still pick up the goods this week.";
const french =
  "La livraison est arrivée hier au port et sera dédouanée aujourd'hui. Nous vous prions de signer les papiers avant demain midi et de nous les envoyer par la poste, afin que le transporteur puisse venir chercher la marchandise dès cette semaine.";

const translation: Application = {
  scenario: "translation",
  good: [
    { asks: english, answers: german, more: { "homeostat.target_language": "de-DE" } },
    { asks: german, answers: french },
    { asks: french, answers: english, more: { "gen_ai.request.language": "en" } },
    // Nobody here can tell Swedish: nothing is said of it.
    {
      asks: english,
      answers:
        "Leveransen kom till hamnen i går och klareras av tullen i dag. Vi ber er skriva under papperen senast i morgon klockan tolv och skicka dem till oss med posten, så att speditören kan hämta varorna redan den här veckan.",
      more: { "homeostat.target_language": "sv" },
    },
  ],
  bad: [
    // The source again.
    { asks: english, answers: english },
    // French where German was asked for.
    { asks: english, answers: french, more: { "homeostat.target_language": "de-DE" } },
    // Runs on, in the right language.
    {
      asks: "The delivery arrived at the port.",
      answers: `${german} ${german.replace("gestern", "vorgestern")}`,
      more: { "homeostat.target_language": "de" },
    },
  ],
};

const minutes = `The board met on Tuesday to look at the third quarter. Revenue rose by eleven percent to 4.2 million, mostly because of the new contracts in the north. Costs of transport went up as well, by a fifth, since two of the older lorries had to be replaced and fuel was dearer than planned. Mrs Okafor proposed to move the depot from the harbour to the ring road, which would save about forty minutes a trip. Mr Lindqvist asked what the lease would cost; an offer is expected in two weeks. The board agreed to hire three more drivers before winter and to put off the new software until spring. It also thanked the workshop, whose repairs kept the fleet running in August without a single day lost. The next meeting is on the ninth of December at ten o'clock in the large hall.`;
const incident = `At 09:14 the payment service began to answer slowly. The team on call looked at the database first and found nothing unusual there. At 09:31 they saw that connections to the card provider were opened anew for each request, because a release of the night before had switched off their reuse. The release was taken back at 09:40 and response times were normal four minutes later. About two thousand customers had to try twice; no payment was lost or charged double. A test that counts connections under load will be added to the pipeline, and releases of this service will no longer go out at night without somebody who watches them.`;

const summarisation: Application = {
  scenario: "summarisation",
  good: [
    {
      asks: minutes,
      answers:
        "Third-quarter revenue grew 11 % while transport became a fifth more expensive. Three drivers are to be hired, new software waits until spring, and an offer for a depot at the ring road is due within two weeks.",
    },
    {
      asks: incident,
      answers:
        "A nightly release turned off reuse of connections to the card provider and slowed payments for half an hour. Taking it back helped; nothing was lost. A load test and supervised releases shall prevent a repeat.",
    },
  ],
  bad: [
    // Copied word for word, cut off in the middle.
    { asks: minutes, answers: minutes.slice(0, 600) },
    // Longer than what it sums up.
    {
      asks: "Sales rose, costs too. We hire three drivers before winter.",
      answers:
        "In the period under consideration the company was able to report that its sales had developed upwards, while at the same time the development of its expenses pointed in that very direction. Against this background management has come to the conclusion that additional staff, namely three persons entitled to drive lorries, ought to be taken on.",
    },
    { asks: incident, answers: "   \n" },
  ],
};

const codeGeneration: Application = {
  scenario: "code-generation",
  good: [
    {
      asks: "Write a function that adds up the even numbers of a list in Python.",
      answers: `Here it is:\n\n${fence("python", "def sum_even(numbers):\n    return sum(n for n in numbers if n % 2 == 0)")}`,
    },
    {
      asks: "Give me the settings as JSON: retries three, timeout five seconds.",
      answers: '{"retries": 3, "timeout_seconds": 5, "hosts": ["a", "b"]}',
    },
    {
      asks: "Rename total to sum in this file.",
      answers: fence("diff", "--- a/sum.py\n+++ b/sum.py\n@@ -1,2 +1,2 @@\n-total = 0\n+sum = 0\n print(1)"),
    },
  ],
  bad: [
    {
      asks: "Write a function that adds up the even numbers of a list in Python.",
      answers: `Here it is:\n\n${fence("python", "def sum_even(numbers:\n    return sum((n for n in numbers if n % 2 == 0")}`,
    },
    {
      asks: "Give me the settings as JSON: retries three, timeout five seconds.",
      answers: '{"retries": 3, "timeout_seconds": 5, "hosts": ["a", "b"',
    },
    {
      asks: "Rename total to sum in this file.",
      answers: fence("diff", "--- a/sum.py\n+++ b/sum.py\n@@ -1,2 +1,2 @@\n total = 0\n print(1)"),
    },
  ],
};

export const applications: readonly Application[] = [customerService, translation, summarisation, codeGeneration];
